import type { MadeSupport } from "../../api/support";
import { formatMoment } from "../../lib/format";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";

/** How somebody new comes: by a mail that is on its way, or by a link that is shown this once. */
export function InvitedDialog({ made, onClose }: { made: MadeSupport; onClose: () => void }) {
  return (
    <Dialog title="They are let in" isOpen onClose={onClose} alert>
      {made.link === null ? (
        <p>A mail with a link is on its way to them. By it they set a password of their own.</p>
      ) : (
        <>
          <p>
            They come by this link and set a password of their own. It works once and is not shown again. Give
            it to nobody else.
          </p>
          <p className="link-box">
            <code>{made.link}</code>
          </p>
        </>
      )}
      <p className="ink2">
        What they may do ends on <b className="num">{formatMoment(made.ends_at)}</b>, whenever they come.
      </p>
      <div className="actions">
        {made.link !== null && <CopyButton text={made.link} label="Copy the link" />}
        <button type="button" className="b lead" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
