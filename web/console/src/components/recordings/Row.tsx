import { Link } from "@tanstack/react-router";
import type { KeyboardEvent } from "react";
import { useAllowed } from "../../api/session";
import type { RecordingItem } from "../../api/types";
import { formatBytes, formatClock, formatMoment, formatTime, plural, timeLeft } from "../../lib/format";
import { noPreview } from "../../lib/previews";
import { dayLine, isErased, panesSentence, sourceOf } from "../../lib/recording";
import { Icon } from "../Icon";
import { Panes } from "../Panes";
import { People } from "../Person";
import { PreviewPicture } from "./PreviewPicture";

interface RowProps {
  item: RecordingItem;
  now: Date;
  /** The day of UTC that the list is of, or null. */
  day: string | null;
  /** Whether there is a place for a picture: where the list has screens. */
  pictured: boolean;
  peeking: boolean;
  onPeek: () => void;
  /** Null where it may not be deleted, or is erased. */
  onDelete: (() => void) | null;
  /** Null where it may not be erased, or is. */
  onErase: (() => void) | null;
}

/** One recording: who and where, its row of panes, length, signals, how long it is kept, who watched. */
export function Row({ item, now, day, pictured, peeking, onPeek, onDelete, onErase }: RowProps) {
  const mayFollow = useAllowed("recording.follow");
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== " ") return;
    event.preventDefault();
    onPeek();
  };
  return (
    <li className={peeking ? "rw peeking" : "rw"}>
      <Link
        className="rl"
        to="/recordings/$id"
        params={{ id: item.id }}
        search={item.live && mayFollow ? { follow: true } : {}}
        data-row={item.id}
        onKeyDown={onKeyDown}
      >
        <span className="si" title={sourceOf(item.source).short}>
          {pictured ? <PreviewPicture item={item} decorative /> : <Icon name={sourceOf(item.source).icon} />}
          <span className="vh">{sourceOf(item.source).short}</span>
        </span>
        <span className="wh">
          <b className="cut">{item.subject.label}</b>
          <span className="small ink3 cut">{dayLine(item, day)}</span>
        </span>
        <span className="sp">
          <Panes className="strip" states={item.panes} label={panesSentence(item)} />
        </span>
        <span className="ln num">
          <b>{formatClock(item.duration_us)}</b>
          <span className="small ink3">{formatTime(item.started_at)}</span>
        </span>
        <Signals item={item} />
        <Kept item={item} now={now} />
        <span className="seenby">
          <People people={item.viewers} />
        </span>
      </Link>
      <span className="rowdo">
        {onDelete && (
          <button
            type="button"
            className="ib s"
            aria-label={`Delete the recording of ${item.subject.label}`}
            title="Delete; it can be restored"
            onClick={onDelete}
          >
            <Icon name="bin" small />
          </button>
        )}
        {onErase && (
          <button
            type="button"
            className="ib s"
            aria-label={`Erase the recording of ${item.subject.label}…`}
            title="Erase…"
            onClick={onErase}
          >
            <Icon name="erase" small />
          </button>
        )}
      </span>
      {peeking && <Peek item={item} onDelete={onDelete} onErase={onErase} />}
    </li>
  );
}

function Signals({ item }: { item: RecordingItem }) {
  const { errors = 0, clicks = 0 } = item.summary ?? {};
  return (
    <span className="sig">
      {errors > 0 && (
        <span className="bad" title={plural(errors, "error")}>
          <Icon name="warn" small />
          <span className="num">{errors}</span>
          <span className="vh">errors</span>
        </span>
      )}
      {clicks > 0 && (
        <span title={plural(clicks, "click")}>
          <Icon name="click" small />
          <span className="num">{clicks}</span>
          <span className="vh">clicks</span>
        </span>
      )}
    </span>
  );
}

function Kept({ item, now }: { item: RecordingItem; now: Date }) {
  if (item.live) {
    return (
      <span className="stt">
        <span className="tag live">
          <span className="dot live" />
          Live
        </span>
      </span>
    );
  }
  if (isErased(item)) {
    return (
      <span className="stt">
        <span className="kp">
          <Icon name="erase" small />
          {item.state === "purge_queued" ? "being erased" : "erased"}
        </span>
      </span>
    );
  }
  const left = timeLeft(item.kept_until, now);
  return (
    <span className="stt">
      <span className={left.soon ? "kp soon" : "kp"}>
        <Icon name="seal" small />
        <span className="vh">Kept for</span>
        <span className="num">{left.text}</span>
      </span>
    </span>
  );
}

/** What is known about a recording without opening it. */
function Peek({ item, onDelete, onErase }: Pick<RowProps, "item" | "onDelete" | "onErase">) {
  const { summary } = item;
  const mayHold = useAllowed("hold.place");
  const none = noPreview(item);
  return (
    <section className="pk dialog" aria-label={`About ${item.subject.label}`}>
      {item.preview && <PreviewPicture item={item} />}
      <dl className="small num">
        <dt>From</dt>
        <dd>{formatMoment(item.started_at)}</dd>
        <dt>To</dt>
        <dd>{item.ended_at ? formatMoment(item.ended_at) : "still going on"}</dd>
        {summary?.url && (
          <>
            <dt>Page</dt>
            <dd>
              <code>{summary.url}</code>
            </dd>
          </>
        )}
        {summary && (
          <>
            <dt>What</dt>
            <dd>
              {plural(summary.pages, "page")}, {plural(summary.clicks, "click")},{" "}
              {plural(summary.inputs, "input")}
            </dd>
          </>
        )}
        <dt>On disk</dt>
        <dd>
          {formatBytes(item.size_bytes)} in {plural(item.segments, "segment")}, sealed
        </dd>
      </dl>
      <p className="small ink2">
        {none && `${none.long} `}
        {item.preview
          ? "The small picture was opened to show it, and that is on record with this list. So is watching."
          : "Nothing was opened to show this. Watching it is put on record."}
      </p>
      <div className="row">
        {onDelete && (
          <button type="button" className="b s" onClick={onDelete}>
            <Icon name="bin" />
            Delete
          </button>
        )}
        {mayHold && (
          <Link className="b s" to="/trust/holds" search={{ of: item.id, about: item.subject.id }}>
            <Icon name="hold" />
            Hold…
          </Link>
        )}
        {onErase && (
          <button type="button" className="b s end" onClick={onErase}>
            <Icon name="erase" />
            Erase…
          </button>
        )}
      </div>
    </section>
  );
}
