import { useState } from "react";
import type { Recording, Session, Track, Viewer } from "../api/types";
import { Icon } from "../components/Icon";
import { Panes } from "../components/Panes";
import { Person } from "../components/Person";
import { formatBytes, formatClock, formatDate, shorten } from "../lib/format";
import { leftPanes } from "../lib/left";
import { hasSound, isErased } from "../lib/recording";
import { useNow } from "../lib/useNow";
import { Inside } from "./Inside";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

interface FactsProps {
  session: PlaySession;
  person: Session["person"];
}

/** What stands about a recording without opening it. */
export function Facts({ session, person }: FactsProps) {
  const recording = usePlayer(session, (state) => state.recording);
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const sound = usePlayer(session, (state) => state.sound);
  const [inside, setInside] = useState(false);
  const now = useNow(60_000);
  if (isErased(recording)) return <aside className="left" aria-label="This recording" />;
  const first = recording.tracks[0];
  const key = first?.key_id ?? null;
  return (
    <aside className="left" aria-label="This recording">
      <section>
        <h2>
          <Icon name="seal" small />
          Seal
        </h2>
        <p>
          {open
            ? `${openWords(recording, sound)} open for this play only.`
            : "Nothing is open. What you see of the tracks is times and sizes, which are not sealed."}
          {open && hasSound(recording) && !sound && " Sound stays sealed until you turn it on."}
        </p>
        <dl className="kv">
          <dt>{recording.sealed_keys === 1 ? "Key" : "Keys"}</dt>
          <dd>
            {key === null ? "none yet" : <code title={key}>{shorten(key)}</code>}
            {recording.sealed_keys > 1 && ` +${recording.sealed_keys - 1}`}
          </dd>
          <dt>On disk</dt>
          <dd>{formatBytes(recording.size_bytes)}, unreadable</dd>
          <dt>Policy</dt>
          <dd>{policyOf(recording)}</dd>
          <dt>Region</dt>
          <dd>{recording.region}</dd>
        </dl>
        <p>
          <button type="button" className="link" onClick={() => setInside(true)}>
            Look inside
          </button>
        </p>
      </section>
      <section>
        <h2>
          <Icon name="clock" small />
          Kept until
        </h2>
        <dl className="ret2">
          {byRetention(recording.tracks).map(({ name, until }) => (
            <div key={`${name}${until}`}>
              <dt>{name}</dt>
              <dd className="num">{until === null ? "no end set" : formatDate(until)}</dd>
              <dd className="rb">
                <Panes states={leftPanes(recording.started_at, until, now)} />
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <WatchedBy session={session} person={person} />
      {inside && <Inside session={session} onClose={() => setInside(false)} />}
    </aside>
  );
}

function openWords({ tracks }: Recording, sound: boolean): string {
  const open = tracks.filter(({ kind }) => sound || kind !== "audio").length;
  return open === 1 ? "One track is" : `${open} tracks are`;
}

const TRACKS: Record<string, string> = { dom: "Page", video: "Screen", audio: "Sound", actions: "Actions" };

/** The capture policy it was recorded under; what was imported was recorded under none of ours (version 0). */
function policyOf({ policy_version }: Recording): string {
  return policy_version === null || policy_version === 0 ? "imported" : `v${policy_version}, signed`;
}

/** Tracks that are kept for the same reason and to the same day, once. */
function byRetention(tracks: readonly Track[]): { name: string; until: string | null }[] {
  const found = new Map<string, { name: string; until: string | null }>();
  for (const track of tracks) {
    const name = TRACKS[track.kind] ?? track.kind;
    const day = track.kept_until === null ? "" : formatDate(track.kept_until);
    found.set(`${name} ${day}`, { name, until: track.kept_until });
  }
  return [...found.values()];
}

function WatchedBy({ session, person }: FactsProps) {
  const viewers = usePlayer(session, (state) => state.recording.viewers);
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  usePlayer(session, (state) => state.watched);
  const others = byPerson(viewers);
  const count = others.length + (open && !others.some((other) => other.person.id === person.id) ? 1 : 0);
  return (
    <section>
      <h2>
        <Icon name="eye" small />
        {count === 0 ? "Watched by nobody" : `Watched by ${count}`}
      </h2>
      <ul className="who">
        {open && (
          <li>
            <Person person={person} lit />
            <span className="grow">You</span>
            <em className="num">{formatClock(session.watchedUs)}, now</em>
          </li>
        )}
        {others
          .filter((other) => !(open && other.person.id === person.id))
          .map((other) => (
            <li key={other.person.id}>
              <Person person={other.person} />
              <span className="grow">
                {other.person.id === person.id ? "You, before" : other.person.name}
              </span>
              <em className="num">{formatClock(other.watchedUs)}</em>
            </li>
          ))}
      </ul>
    </section>
  );
}

function byPerson(viewers: readonly Viewer[]): { person: Viewer["person"]; watchedUs: number }[] {
  const found = new Map<string, { person: Viewer["person"]; watchedUs: number }>();
  for (const { person, watched_us } of viewers) {
    const before = found.get(person.id);
    found.set(person.id, { person, watchedUs: (before?.watchedUs ?? 0) + watched_us });
  }
  return [...found.values()];
}
