import { useState } from "react";
import { Icon } from "../components/Icon";
import { formatClock, formatTime } from "../lib/format";
import { hasSound } from "../lib/recording";
import type { Coaching } from "./coaching/useCoaching";
import type { PlaySession } from "./session";
import { SPEEDS } from "./state";
import { usePlayer } from "./usePlayer";

/** The clock and the controls. */
export function Transport({ session, coaching }: { session: PlaySession; coaching: Coaching }) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const wants = usePlayer(session, (state) => state.wantsPlay);
  const skipIdle = usePlayer(session, (state) => state.skipIdle);
  const back = () => session.seek(session.state.atMs - 10_000);
  const forward = () => session.seek(session.state.atMs + 10_000);
  return (
    <div className="ctl">
      <Clock session={session} />
      <div className="trans">
        <Press label="Previous event" hint="," icon="prev" off={!open} act={() => session.stepTo(-1)} />
        <Press label="Back 10 seconds" hint="J" icon="back10" off={!open} act={back} />
        <button
          type="button"
          className="ib go"
          disabled={!open}
          aria-label={wants ? "Pause" : "Play"}
          title={`${wants ? "Pause" : "Play"}  Space`}
          onClick={session.toggle}
        >
          <Icon name={wants ? "pause" : "play"} />
        </button>
        <Press label="Forward 10 seconds" hint="L" icon="fwd10" off={!open} act={forward} />
        <Press label="Next event" hint="." icon="next" off={!open} act={() => session.stepTo(1)} />
        <Speed session={session} off={!open} />
        <button
          type="button"
          className="b s bare skipb"
          role="switch"
          aria-checked={skipIdle}
          disabled={!open}
          onClick={() => session.setSkipIdle(!skipIdle)}
        >
          <span className="sw" aria-hidden="true" data-on={skipIdle} />
          Skip idle
        </button>
        <Sound session={session} />
        <Live session={session} />
      </div>
      <div className="row bright">
        {coaching.mayClip && <MarkEnds session={session} choose={coaching.choose} />}
        {coaching.write && <CommentHere session={session} write={coaching.write} />}
        <CopyLink session={session} />
      </div>
    </div>
  );
}

function Clock({ session }: { session: PlaySession }) {
  const atMs = usePlayer(session, (state) => state.atMs);
  const recording = usePlayer(session, (state) => state.recording);
  const wall = new Date(Date.parse(recording.started_at) + atMs).toISOString();
  return (
    <div className="clock">
      <b className="num">
        {formatClock(atMs * 1000)}.{Math.floor((atMs % 1000) / 100)}
      </b>
      <span className="ink3 num">/ {formatClock(recording.duration_us)}</span>
      <span className="ink3 num wall" title="Time of day when it was recorded">
        {formatTime(wall, true)}
      </span>
    </div>
  );
}

interface PressProps {
  label: string;
  hint: string;
  icon: "prev" | "next" | "back10" | "fwd10";
  off: boolean;
  act: () => void;
}

function Press({ label, hint, icon, off, act }: PressProps) {
  return (
    <button
      type="button"
      className="ib"
      disabled={off}
      aria-label={label}
      title={`${label}  ${hint}`}
      onClick={act}
    >
      <Icon name={icon} />
    </button>
  );
}

function Speed({ session, off }: { session: PlaySession; off: boolean }) {
  const speed = usePlayer(session, (state) => state.speed);
  return (
    <label className="speed">
      <span className="vh">Speed</span>
      <select
        className="b s bare num"
        disabled={off}
        value={speed}
        onChange={(event) => session.setSpeed(Number(event.target.value))}
      >
        {SPEEDS.map((each) => (
          <option key={each} value={each}>
            {each}×
          </option>
        ))}
      </select>
    </label>
  );
}

/** Sound stays sealed until somebody wants to hear it. */
function Sound({ session }: { session: PlaySession }) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const there = usePlayer(session, (state) => hasSound(state.recording));
  const on = usePlayer(session, (state) => state.sound);
  if (!there) return null;
  return (
    <button
      type="button"
      className="b s bare soundb"
      role="switch"
      aria-checked={on}
      title={on ? "Turn the sound off  M" : "Open the sound, and hear it  M"}
      disabled={!open}
      onClick={() => session.setSound(!on)}
    >
      <Icon name={on ? "sound" : "mute"} />
      <span>{on ? "Sound on" : "Sound sealed"}</span>
    </button>
  );
}

/** Where one stands in relation to what is happening now. */
function Live({ session }: { session: PlaySession }) {
  const following = usePlayer(session, (state) => state.following);
  const live = usePlayer(session, (state) => state.recording.live && state.phase.kind === "open");
  if (!live) return null;
  if (following === "no") {
    return (
      <button type="button" className="b s bare" onClick={session.goLive}>
        <Icon name="live" />
        Go to the live edge
      </button>
    );
  }
  const words = {
    behind: "Following live",
    edge: "At the live edge",
    asking: "Following, asking every 5 s: the stream broke off",
  };
  return (
    <span className="tag live" role="status">
      <span className="dot live" />
      {words[following]}
    </span>
  );
}

/** Marks a part of it, as the keys do. */
function MarkEnds({ session, choose }: { session: PlaySession; choose: Coaching["choose"] }) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const marked = usePlayer(session, (state) => state.marked);
  const end = (end: "from" | "to", label: string, key: string, ms: number | null) => (
    <button
      type="button"
      className={ms === null ? "ib mk" : "ib mk on"}
      disabled={!open}
      aria-label={label}
      title={`${label}  ${key}`}
      onClick={() => {
        session.mark(end);
        choose("clips");
      }}
    >
      <Icon name={end === "from" ? "markin" : "markout"} />
    </button>
  );
  return (
    <>
      {end("from", "Mark the beginning of a clip", "I", marked.fromMs)}
      {end("to", "Mark the end of a clip", "O", marked.toMs)}
    </>
  );
}

function CommentHere({ session, write }: { session: PlaySession; write: () => void }) {
  const at = usePlayer(session, (state) => formatClock(state.atMs * 1000));
  return (
    <button type="button" className="b s bare" title="Comment  C" onClick={write}>
      <Icon name="comment" />
      <span className="num">Comment at {at}</span>
    </button>
  );
}

function CopyLink({ session }: { session: PlaySession }) {
  const at = usePlayer(session, (state) => formatClock(state.atMs * 1000));
  const [copied, setCopied] = useState<"no" | "yes" | "failed">("no");
  const copy = () => {
    const clip = session.clip === null ? "" : `&clip=${session.clip}`;
    const link = `${location.origin}${location.pathname}?t=${Math.round(session.state.atMs)}${clip}`;
    navigator.clipboard.writeText(link).then(
      () => setCopied("yes"),
      () => setCopied("failed"),
    );
    setTimeout(() => setCopied("no"), 2_500);
  };
  const words = { no: `Link to ${at}`, yes: "Link copied", failed: "The browser did not allow copying" };
  return (
    <button type="button" className="b s bare" onClick={copy}>
      <Icon name="link" />
      <span aria-live="polite">{words[copied]}</span>
    </button>
  );
}
