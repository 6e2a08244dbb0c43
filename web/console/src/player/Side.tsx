import { type KeyboardEvent, useState } from "react";
import type { Session } from "../api/types";
import { formatCount } from "../lib/format";
import { ClipsPanel } from "./coaching/ClipsPanel";
import { CommentsPanel } from "./coaching/CommentsPanel";
import type { Coaching, SideName } from "./coaching/useCoaching";
import { EventList } from "./EventList";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";
import "./coaching/coaching.css";

interface SideProps {
  session: PlaySession;
  person: Session["person"];
  coaching: Coaching;
}

/** Beside the picture: what happened, what was said about it, and the parts somebody cut out of it. */
export function Side({ session, person, coaching }: SideProps) {
  const { side, comments, clips } = coaching;
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const marks = usePlayer(session, (state) => state.marks.length);
  const [inStep, setInStep] = useState(true);
  const counts: Record<SideName, number | null> = {
    events: open ? marks : null,
    comments: comments.list.data ? comments.items.length : null,
    clips: clips.list.data ? clips.items.length : null,
  };
  return (
    <section className="insp" aria-label={NAMES[side]}>
      <div className="ihead">
        <Tabs coaching={coaching} counts={counts} />
        <span className="grow" />
        {side === "events" && (
          <button
            type="button"
            className="sw"
            role="switch"
            aria-checked={inStep}
            aria-label="Stay in step with the playhead"
            title="In step with the playhead"
            onClick={() => setInStep(!inStep)}
          />
        )}
      </div>
      {side === "events" && <EventList session={session} inStep={inStep} />}
      {side === "comments" && <CommentsPanel session={session} person={person} comments={comments} />}
      {side === "clips" && <ClipsPanel session={session} person={person} clips={clips} />}
    </section>
  );
}

const NAMES: Record<SideName, string> = { events: "Events", comments: "Comments", clips: "Clips" };

function Tabs({ coaching, counts }: { coaching: Coaching; counts: Record<SideName, number | null> }) {
  const { sides, side, choose } = coaching;
  const words = (name: SideName) => (
    <>
      {NAMES[name]} {counts[name] !== null && <span className="n num">{formatCount(counts[name])}</span>}
    </>
  );
  if (sides.length === 1) return <h2>{words("events")}</h2>;
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = sides[(sides.indexOf(side) + by + sides.length) % sides.length];
    if (!next) return;
    choose(next);
    document.getElementById(`side-${next}`)?.focus();
  };
  return (
    <>
      <h2 className="vh">Beside the picture</h2>
      <div className="tabs" role="tablist" aria-label="Beside the picture" onKeyDown={onKeyDown}>
        {sides.map((name) => (
          <button
            key={name}
            id={`side-${name}`}
            type="button"
            role="tab"
            aria-selected={name === side}
            tabIndex={name === side ? 0 : -1}
            onClick={() => choose(name)}
          >
            {words(name)}
          </button>
        ))}
      </div>
    </>
  );
}
