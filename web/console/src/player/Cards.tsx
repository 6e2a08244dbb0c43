import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useAllowed } from "../api/session";
import type { Problem, Recording } from "../api/types";
import { Icon } from "../components/Icon";
import { type PaneState, Panes } from "../components/Panes";
import { explain } from "../components/States";
import { formatClock, formatCount } from "../lib/format";
import { isErased } from "../lib/recording";
import { queryClient } from "../queryClient";
import { gapSentence, gapWords } from "./gaps";
import { Reason } from "./Reason";
import { needsSecond, SecondPerson } from "./SecondPerson";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

/** What stands over the stage where there is no picture: each reason is an answer of its own. */
export function Cards({ session }: { session: PlaySession }) {
  const phase = usePlayer(session, (state) => state.phase);
  const recording = usePlayer(session, (state) => state.recording);
  if (isErased(recording)) {
    return <Gone recording={recording} />;
  }
  switch (phase.kind) {
    case "open":
      return <OpenCards session={session} />;
    case "reason":
      return <Reason session={session} problem={phase.problem} busy={phase.busy} />;
    case "refused":
      if (needsSecond(phase.error.slug)) {
        return <SecondPerson session={session} problem={phase.error.problem} slug={phase.error.slug} />;
      }
      return <Decided problem={phase.error.problem} title={phase.error.problem.title} />;
    case "revoked":
      return <Decided problem={phase.problem} title="Watching was ended" />;
    case "failed":
      return <Failed session={session} error={phase.error} />;
    case "beginning":
      return <Opening session={session} />;
    case "sealed":
    case "ended":
      return <Gate session={session} ended={phase.kind === "ended" ? phase.by : null} />;
  }
}

/** What an erasure has done so far, and where its receipt is. */
function Gone({ recording }: { recording: Recording }) {
  const receipts = useAllowed("erasure.read");
  const { state, id, subject } = recording;
  return (
    <Card title={state === "purge_queued" ? "Being erased" : "Erased"}>
      <p>
        {state === "purge_queued"
          ? "Nobody opens it any more. Its keys are destroyed within seconds, and its bytes go after them."
          : "The keys of its tracks are destroyed: this installation cannot open it any more."}
        {state === "shredded" && " Its bytes, which nothing opens, are being removed."}
        {state === "verified" && " A check found nothing of it. The receipt says when no copy has it either."}
      </p>
      {receipts && (
        <div className="row">
          <Link className="b" to="/trust/receipts" search={{ of: id, about: subject.id }}>
            See how far it is, and the receipt
          </Link>
        </div>
      )}
    </Card>
  );
}

interface CardProps {
  title: string;
  className?: string;
  role?: "alert" | "status";
  children: ReactNode;
}

function Card({ title, className = "", role, children }: CardProps) {
  return (
    <div className={`msg ${className}`} role={role}>
      <div className="dialog">
        <h2>{title}</h2>
        {children}
      </div>
    </div>
  );
}

const GATE_TITLES = { you: "You have ended watching", time: "The play ran out" } as const;

function Gate({ session, ended }: { session: PlaySession; ended: "you" | "time" | null }) {
  const recording = usePlayer(session, (state) => state.recording);
  const atMs = usePlayer(session, (state) => state.atMs);
  const mayFollow = useAllowed("recording.follow");
  const empty = recording.tracks.every((track) => track.segments.length === 0);
  if (recording.live && !mayFollow) return <GoesOn id={recording.id} />;
  if (empty) {
    return (
      <Card title="Nothing was captured">
        <p>
          The recording was begun and no segment has arrived
          {recording.live ? " yet. This page shows the first one by itself." : " before it was closed."}
        </p>
      </Card>
    );
  }
  const { label } = recording.subject;
  return (
    <Card title={ended === null ? "Sealed" : GATE_TITLES[ended]}>
      <p>
        {ended === "time" && "A play in which nothing is watched ends after a while. "}
        Opening it is on record: {label} can see your name and the parts you open.
        {atMs > 0 && ` It opens at ${formatClock(atMs * 1000)}.`}
      </p>
      <div className="row">
        <button type="button" className="b lead" onClick={() => void session.begin()}>
          <Icon name="open" />
          {ended === null ? "Open and watch" : "Open again"}
        </button>
        {recording.live && (
          <button type="button" className="b" onClick={() => void session.begin(undefined, true)}>
            <Icon name="live" />
            Follow live
          </button>
        )}
      </div>
    </Card>
  );
}

/** It is still being recorded, and following is not for everybody who may watch. Looking again is on record: nothing asks by itself. */
function GoesOn({ id }: { id: string }) {
  return (
    <Card title="It is still going on">
      <p>
        You may watch it once it is over: at the latest half an hour after the last sign of life. To watch it
        meanwhile is a right of its own, which you do not have.
      </p>
      <div className="row">
        <button
          type="button"
          className="b lead"
          onClick={() => void queryClient.invalidateQueries({ queryKey: ["recording", id] })}
        >
          See whether it is over
        </button>
      </div>
    </Card>
  );
}

/** The rule that decided, the entry it left, and what can be done. */
function Decided({ problem, title }: { problem: Problem; title: string }) {
  return (
    <Card title={title} role="alert">
      {problem.detail && <p>{problem.detail}</p>}
      {problem.what_to_do && <p>{problem.what_to_do}</p>}
      <p className="small">
        {problem.entry !== null && (
          <>
            This is on record as entry <span className="num">{formatCount(problem.entry)}</span>.{" "}
          </>
        )}
        {problem.rule !== null && (
          <>
            Decided by rule <code>{problem.rule}</code>.
          </>
        )}
      </p>
      <div className="row">
        <Link className="b" to="/recordings">
          Go to Recordings
        </Link>
      </div>
    </Card>
  );
}

function Failed({ session, error }: { session: PlaySession; error: unknown }) {
  const { lines, code } = explain(error);
  return (
    <Card title="The play could not begin" role="alert">
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      <div className="row">
        <button type="button" className="b lead" onClick={() => void session.begin()}>
          Try now
        </button>
        {code && <code>{code}</code>}
      </div>
    </Card>
  );
}

/** Panes that light up, one segment after the other. */
function Opening({ session }: { session: PlaySession }) {
  const segments = usePlayer(session, (state) => state.segments);
  const states = [...segments.values()].slice(0, 12);
  const open = states.filter((state) => state === "open").length;
  const panes: PaneState[] = states.map((state, n) => (state === "open" ? "lit" : n === open ? "hot" : "a2"));
  while (panes.length < 9) panes.push("a2");
  return (
    <div className="msg m-loading" role="status">
      <div>
        <Panes states={panes} />
        <p className="small ink2">
          {states.length === 0
            ? "Asking to open"
            : `Opening segment ${Math.min(open + 1, states.length)} of ${states.length}`}
        </p>
      </div>
    </div>
  );
}

function OpenCards({ session }: { session: PlaySession }) {
  const gap = usePlayer(session, (state) => state.gap);
  const picture = usePlayer(session, (state) => state.picture);
  const durationUs = usePlayer(session, (state) => state.recording.duration_us);
  const empty = usePlayer(session, (state) =>
    state.recording.tracks.every((track) => track.segments.length === 0),
  );
  if (gap !== null) {
    const { title } = gapWords(gap.gap.reason);
    const more = gap.gap.to_us < durationUs;
    return (
      <Card title={title} className="m-gap bricks" role="status">
        <p>{gapSentence(gap.gap, session.track?.segments)}</p>
        {more && (
          <div className="row">
            <button type="button" className="b lead" onClick={session.passGap}>
              <Icon name="skip" />
              Go on at {formatClock(gap.gap.to_us)}
            </button>
            {gap.goesOn && <span className="small ink3">by itself in 2 s</span>}
          </div>
        )}
      </Card>
    );
  }
  if (empty) {
    return (
      <Card title="Nothing was captured yet">
        <p>The first segment is shown as soon as it arrives.</p>
      </Card>
    );
  }
  return picture ? null : <Opening session={session} />;
}
