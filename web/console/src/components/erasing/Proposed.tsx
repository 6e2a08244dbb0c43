import type { AskedErasure } from "../../api/erasing";
import { extentWords } from "../../lib/proposals";

/** What was proposed, in place of what it was asked for with. */
export function Proposed({ proposed, onClose }: { proposed: AskedErasure; onClose: () => void }) {
  return (
    <>
      <p>
        {extentWords(proposed.now)} would go. {proposed.waits_for}
      </p>
      <p className="small ink2">Nothing is erased yet. It stands under Receipts until then.</p>
      <div className="actions">
        <button type="button" className="b lead" onClick={onClose}>
          Close
        </button>
      </div>
    </>
  );
}
