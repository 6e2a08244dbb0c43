import { Link } from "@tanstack/react-router";
import type { MyRecording } from "../../api/types";
import { formatClock, formatDate, formatTime, timeLeft } from "../../lib/format";
import { panesSentence, whereLine } from "../../lib/recording";
import { Panes } from "../Panes";
import { nameOf } from "./names";

interface CapturedProps {
  /** Whose recordings these are: whoever decides what is captured. */
  organisation: string;
  recordings: readonly MyRecording[];
  now: Date;
  mayOpen: boolean;
  /** Whether they may read and answer what was said about it. */
  mayComment: boolean;
}

/** What is kept that shows somebody: what it is, why it was made, and how long it stays. */
export function Captured({ organisation, recordings, now, mayOpen, mayComment }: CapturedProps) {
  return (
    <section className="card captured">
      <div className="sh">
        <h2 className="grow">What is kept</h2>
      </div>
      <ul>
        {recordings.map((recording) => (
          <One
            key={recording.id}
            organisation={organisation}
            recording={recording}
            now={now}
            mayOpen={mayOpen}
            mayComment={mayComment}
          />
        ))}
      </ul>
      <p className="small ink2 why2">
        Each is sealed under a key of its own below a key of yours. When its time is over, or when it is
        erased, that key is destroyed, and nothing opens it any more.
      </p>
    </section>
  );
}

interface OneProps {
  organisation: string;
  recording: MyRecording;
  now: Date;
  mayOpen: boolean;
  /** Whether they may read and answer what was said about it. */
  mayComment: boolean;
}

function One({ organisation, recording, now, mayOpen, mayComment }: OneProps) {
  const name = nameOf(recording);
  return (
    <li className="cp">
      <div className="row">
        <b className="grow cut">
          {mayOpen && recording.state !== "soft_deleted" ? (
            <Link className="link" to="/recordings/$id" params={{ id: recording.id }} search={{}}>
              {name}
            </Link>
          ) : (
            name
          )}
        </b>
        {recording.live ? (
          <span className="tag live">
            <span className="dot live" />
            On now
          </span>
        ) : (
          <span className="small num ink2">{formatClock(recording.duration_us)}</span>
        )}
      </div>
      <p className="small ink2 num">
        {name === whereLine(recording) ? "" : `${whereLine(recording)}, `}
        {formatDate(recording.started_at)} {formatTime(recording.started_at)}
      </p>
      <Panes className="mini" states={recording.panes} label={panesSentence(recording)} />
      <p className="small ink2">
        It is here because {organisation} keeps what is captured
        {recording.site === null ? "." : ` on ${recording.site.name}.`}
      </p>
      <p className="small ink2">
        <Until recording={recording} now={now} />
      </p>
      {mayOpen && mayComment && recording.state !== "soft_deleted" && (
        <p className="small">
          <Link
            className="link"
            to="/recordings/$id"
            params={{ id: recording.id }}
            search={{ side: "comments" }}
          >
            What was said about it
          </Link>
        </p>
      )}
    </li>
  );
}

/** Until when it is there, and who can still bring it back. */
function Until({ recording, now }: { recording: MyRecording; now: Date }) {
  if (recording.restorable_until !== null) {
    return (
      <>
        Deleted: nobody watches it. It can be restored until{" "}
        <b className="num">{formatDate(recording.restorable_until)}</b>, and is erased then.
      </>
    );
  }
  if (recording.state === "soft_deleted") {
    return "Set aside: nobody watches it. It is erased as soon as no hold keeps it.";
  }
  if (recording.kept_until === null) return "No end is set.";
  return (
    <>
      Kept until <b className="num">{formatDate(recording.kept_until)}</b>,{" "}
      {timeLeft(recording.kept_until, now).text} left.
    </>
  );
}
