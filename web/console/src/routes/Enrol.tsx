import { useState } from "react";
import { CopyButton } from "../components/CopyButton";
import { Door } from "../components/Door";
import { JoinSteps } from "../components/recorders/JoinSteps";
import { enrolCode } from "../lib/enrol";
import { useTitle } from "../lib/useTitle";
import "../styles/people.css";
import "../styles/recorders.css";

/**
 * Where a link with a code leads. The extension reads the code from the address of this page, so it stays there; it
 * works once, for ten minutes, and whoever has it needs to be nobody here.
 */
export default function Enrol() {
  useTitle("Record my screen");
  const [link] = useState(() => (enrolCode(location.hash) === null ? null : location.href));
  if (link === null) {
    return (
      <Door title="Record my screen">
        <p className="ink2">
          This address carries no code. Open the link as it was given to you, or make a new one: on My data,
          under “Browsers that record your screen”.
        </p>
        <a className="b lead" href="/my-data">
          Go to My data
        </a>
      </Door>
    );
  }
  return (
    <Door title="Record my screen">
      <JoinSteps here />
      <p className="small ink2">
        Where the extension cannot read this page, paste its address there. It works once, within ten minutes
        of its making.
      </p>
      <p className="link-box">
        <code>{link}</code>
      </p>
      <p>
        <CopyButton text={link} label="Copy the address" />
      </p>
    </Door>
  );
}
