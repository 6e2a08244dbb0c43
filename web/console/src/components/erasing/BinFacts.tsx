import type { BinItem } from "../../api/keeping";
import { formatBytes, formatClock, formatMoment, plural } from "../../lib/format";
import { Icon } from "../Icon";

interface BinFactsProps {
  item: BinItem;
  /** Null where it may not be erased. */
  onErase: (() => void) | null;
}

/** A deleted recording whole: what it is, who deleted it, until when it comes back, and the way to end it now. */
export function BinFacts({ item, onErase }: BinFactsProps) {
  const { recording } = item;
  return (
    <>
      <dl className="entry-facts">
        <dt>Recorded</dt>
        <dd className="num">
          {formatMoment(recording.started_at)}, {formatClock(recording.duration_us)} long
        </dd>
        {recording.summary?.url && (
          <>
            <dt>Page</dt>
            <dd>
              <code>{recording.summary.url}</code>
            </dd>
          </>
        )}
        <dt>On disk</dt>
        <dd className="num">
          {formatBytes(recording.size_bytes)} in {plural(recording.segments, "segment")}, sealed
        </dd>
        <dt>Deleted</dt>
        <dd className="num">
          {formatMoment(item.deleted_at)}, by {item.deleted_by?.name ?? "the program"}
        </dd>
        <dt>Comes back until</dt>
        <dd className="num">{formatMoment(item.restorable_until)}. From then on it is erased for good.</dd>
        <dt>Recording</dt>
        <dd>
          <code>{recording.id}</code>
        </dd>
      </dl>
      {onErase && (
        <div className="row acts">
          <button type="button" className="b s end" onClick={onErase}>
            <Icon name="erase" />
            Erase now…
          </button>
        </div>
      )}
    </>
  );
}
