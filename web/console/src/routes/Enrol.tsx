import { useState } from "react";
import { CopyButton } from "../components/CopyButton";
import { Empty } from "../components/States";
import { useTitle } from "../lib/useTitle";

/** The code in the address, from where the extension takes it when its person presses Join there. */
const codeIn = (hash: string): string | null => /^#?code=(cre_[\w-]{22})$/.exec(hash)?.[1] ?? null;

/** The page that hands a code to the extension. It needs nobody signed in: whoever has the code may use it, once. */
export default function Enrol() {
  useTitle("Let this browser join");
  const [code] = useState(() => codeIn(window.location.hash));
  if (code === null) {
    return (
      <Empty title="There is no code here">
        <p>Ask for one under Settings, Screen recorders: it works once, for ten minutes.</p>
      </Empty>
    );
  }
  return (
    <main className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Let this browser join</h1>
          <p>
            Open the extension in the browser's bar and press Join while you see this page. It takes this code
            from the address; it works once, for ten minutes.
          </p>
        </div>
      </header>
      <p className="card row">
        <code className="grow">{code}</code>
        <CopyButton text={code} />
      </p>
    </main>
  );
}
