import type { RecorderCode } from "../../api/recorders";
import { formatTime } from "../../lib/format";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";
import { JoinSteps } from "./JoinSteps";

/** The code, this once, and what to do with it. */
export function JoinDialog({ made, onClose }: { made: RecorderCode; onClose: () => void }) {
  return (
    <Dialog title="Let a browser record your screen" isOpen onClose={onClose} alert>
      <p>
        This link works once, until <b className="num">{formatTime(made.expires_at)}</b>. Whoever opens it
        elsewhere records their screen in your name, so keep it to yourself.
      </p>
      <p className="link-box">
        <code>{made.link}</code>
      </p>
      <JoinSteps here={false} />
      <div className="actions">
        <CopyButton text={made.link} label="Copy the link" />
        <a className="b" href={made.link}>
          Open it here
        </a>
        <button type="button" className="b lead" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
