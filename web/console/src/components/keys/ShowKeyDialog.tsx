import type { MadeKey } from "../../api/keys";
import { formatMoment } from "../../lib/format";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";

/** The key itself, this once. */
export function ShowKeyDialog({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  return (
    <Dialog title="Your new key" isOpen onClose={onClose} alert>
      <p>
        It is shown this once: put it where the program reads its secrets, and nowhere else. It works until{" "}
        <b className="num">{formatMoment(made.expires_at)}</b>.
      </p>
      <p className="link-box">
        <code>{made.key}</code>
      </p>
      <p className="small ink2">
        Programs send it in a header, never in an address: <code>Authorization: Bearer …</code>
      </p>
      <div className="actions">
        <CopyButton text={made.key} label="Copy the key" />
        <button type="button" className="b lead" onClick={onClose}>
          I have put it away
        </button>
      </div>
    </Dialog>
  );
}
