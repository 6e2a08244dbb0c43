import { useMutation } from "@tanstack/react-query";
import { openSegment } from "../../api/plays";
import type { Receipt } from "../../api/types";
import { eventLines } from "../../lib/eventText";
import { formatCount } from "../../lib/format";
import { explain } from "../States";

const REASON = "Checking what this site sends";

/** The events of one batch, opened on request: looking at them is a play like any other. */
export function SentEvents({ receipt }: { receipt: Receipt }) {
  const open = useMutation({ mutationFn: () => openSegment(receipt, REASON) });
  if (open.data) {
    return (
      <>
        {open.data.events === null ? (
          <p className="ask ink2">
            Two tabs sent batches that look the same: neither is shown for the other.
          </p>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
          <pre tabIndex={0}>{eventLines(open.data.events).join("\n")}</pre>
        )}
        <p className="ask small ink2">
          Opened and closed again, on record as entry {formatCount(open.data.entry)}.
        </p>
      </>
    );
  }
  return (
    <div className="ask">
      <p className="ink2">The events are sealed. Opening them is put on record with your name.</p>
      <button type="button" className="b" disabled={open.isPending} onClick={() => open.mutate()}>
        {open.isPending ? "Opening" : "Open them to compare"}
      </button>
      {open.error && (
        <p className="small" role="alert">
          They were not opened. {explain(open.error).lines.join(" ")}
        </p>
      )}
    </div>
  );
}
