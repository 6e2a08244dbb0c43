import { Link } from "@tanstack/react-router";
import { Icon } from "../components/Icon";
import { formatBytes, formatClock, formatCount, formatTime, plural } from "../lib/format";
import { isErased } from "../lib/recording";
import { partWords } from "./clip";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

/** The strip that always says whether somebody is watching, and that it is on record. */
export function Strip({ session }: { session: PlaySession }) {
  const phase = usePlayer(session, (state) => state.phase);
  const recording = usePlayer(session, (state) => state.recording);
  const clip = usePlayer(session, (state) => state.clip);
  const subject = recording.subject.label;
  if (isErased(recording)) {
    return (
      <div className="why gone" role="status">
        <Icon name="erase" />
        <p>
          <b>{recording.state === "purge_queued" ? "Being erased." : "Erased."}</b> This row and its times are
          all that is left.
        </p>
      </div>
    );
  }
  if (phase.kind !== "open") {
    const tracks = plural(recording.tracks.length, "track");
    return (
      <div className="why shut" role="status">
        <Icon name="seal" />
        <p>
          <b>{phase.kind === "ended" ? "Closed again." : "Sealed."}</b> {formatClock(recording.duration_us)}{" "}
          in {tracks}, {formatBytes(recording.size_bytes)}. You are not watching.
        </p>
      </div>
    );
  }
  return (
    <div className="why" role="status">
      <Icon name="eye" />
      <p className="cut">
        <b>You are watching</b>
        {clip && (
          <>
            {" "}
            the clip <b>{clip.title}</b>, {partWords(clip)}
          </>
        )}
        , since {formatTime(phase.since)}
        {phase.reason !== null && (
          <>
            , because of <b>{phase.reason}</b>
          </>
        )}
        . The record of {subject} shows your name{phase.reason !== null && ", this reason"} and the parts you
        open.
      </p>
      <span className="grow" />
      <span className="proof small">
        <Icon name="check" small />
        <span>
          Entry <span className="num">{formatCount(phase.play.entry)}</span>
        </span>
      </span>
      {clip && (
        <Link
          className="b s"
          to="/recordings/$id"
          params={{ id: recording.id }}
          search={{ t: Math.round(session.state.atMs) }}
        >
          The whole recording
        </Link>
      )}
      <button type="button" className="b s" onClick={() => void session.end()}>
        End watching
      </button>
    </div>
  );
}
