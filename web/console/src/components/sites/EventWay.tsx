import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { getInside, getInsideBytes } from "../../api/operations";
import type { InsideBytes, Receipt } from "../../api/types";
import { formatBytes, formatCount, formatTime } from "../../lib/format";
import { hexRows } from "../../lib/hex";
import { trackOf } from "../../lib/receipts";
import { Icon } from "../Icon";
import { explain } from "../States";
import { SentEvents } from "./SentEvents";

interface EventWayProps {
  receipt: Receipt;
  siteName: string;
  /** How many came in after it, as far as is known. */
  later: number;
  onNewest: () => void;
}

/** What became of one batch of events: its way, what was sent, and what lies on disk. */
export function EventWay({ receipt, siteName, later, onNewest }: EventWayProps) {
  return (
    <section className="card">
      <div className="sh">
        <h2>The way of one batch</h2>
        <span className="small ink3 grow num">
          received {formatTime(receipt.at, true)}
          {later > 0 && `, ${later} newer since`}
        </span>
        {later > 0 && (
          <button type="button" className="b" onClick={onNewest}>
            Show the newest
          </button>
        )}
        <Link
          className="b lead"
          to="/recordings/$id"
          params={{ id: receipt.recording }}
          search={{ follow: true }}
        >
          <Icon name="play" />
          Watch it
        </Link>
      </div>
      <Steps receipt={receipt} />
      <div className="sides">
        <figure>
          <figcaption>
            <b>What {siteName} sent</b>
            <span className="small ink3">as the policy left it</span>
          </figcaption>
          <SentEvents key={`${receipt.recording}/${receipt.sequence}`} receipt={receipt} />
        </figure>
        <figure>
          <OnDisk receipt={receipt} />
        </figure>
      </div>
      <p className="small ink2 sealedline">
        <Icon name="seal" small />
        <span>
          The bytes are all this installation keeps of it. They open only for a play, and each play is on
          record.
        </span>
      </p>
    </section>
  );
}

function Steps({ receipt }: { receipt: Receipt }) {
  return (
    <ol className="jr">
      <li>
        <i />
        <b>Arrived</b>
        <em className="num">{formatTime(receipt.at, true)}</em>
        <small className="num">{formatBytes(receipt.bytes_in)}</small>
      </li>
      <li>
        <i />
        <b>Checked</b>
        <em>as events</em>
        <small>and against the policy</small>
      </li>
      <li>
        <i />
        <b>Sealed</b>
        <em className="num">{formatBytes(receipt.bytes_stored)}</em>
        <small>with the track's key</small>
      </li>
      <li>
        <i />
        <b>On disk</b>
        <em>{receipt.stored_as.startsWith("log") ? "in the log" : "as an object"}</em>
        <small className="num">segment {receipt.sequence}</small>
      </li>
      <li>
        <i />
        <b>Acknowledged</b>
        <em>browser lets go</em>
        <small>and is listed</small>
      </li>
    </ol>
  );
}

async function bytesOf(receipt: Receipt, signal: AbortSignal): Promise<InsideBytes | null> {
  const inside = await getInside(receipt.recording, signal);
  const track = trackOf(inside.tracks, receipt);
  return track ? getInsideBytes(receipt.recording, track.id, receipt.sequence, signal) : null;
}

function OnDisk({ receipt }: { receipt: Receipt }) {
  const bytes = useQuery({
    queryKey: ["bytes", receipt.recording, receipt.sequence],
    queryFn: ({ signal }) => bytesOf(receipt, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <>
      <figcaption>
        <b>What lies on disk</b>
        {bytes.data && (
          <span className="small ink3 num">
            {bytes.data.object}, byte {formatCount(bytes.data.offset)}
          </span>
        )}
      </figcaption>
      {bytes.data && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
        <pre className="hex" tabIndex={0}>
          {hexRows(bytes.data.first_bytes_hex)
            .map((row) => `${row.at}  ${row.bytes}`)
            .join("\n")}
        </pre>
      )}
      {bytes.isSuccess && bytes.data === null && (
        <p className="ask ink2">
          This segment is not shown: it was moved meanwhile, or two tabs sent batches that look the same.
        </p>
      )}
      {bytes.error && (
        <p className="ask ink2">The bytes could not be read. {explain(bytes.error).lines.join(" ")}</p>
      )}
    </>
  );
}
