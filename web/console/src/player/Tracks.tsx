import { useMemo } from "react";
import type { Recording, Session } from "../api/types";
import { Panes } from "../components/Panes";
import { histogram, panesOf, percent, placed, stack } from "../components/timeline/scale";
import { Timeline, type TimelineLane, type TimelinePin } from "../components/timeline/Timeline";
import { formatCount, formatSpan, plural, timeLeft } from "../lib/format";
import { useNow } from "../lib/useNow";
import { gapMap, gapWords } from "./gaps";
import type { Mark } from "./lane";
import { keyOf } from "./segments";
import type { PlaySession } from "./session";
import { tabsOf } from "./tabs";
import { usePlayer } from "./usePlayer";
import type { Range } from "./watched";

const COUNT = 96;

interface TracksProps {
  session: PlaySession;
  person: Session["person"];
}

/** The recording's tracks on the timeline. */
export function Tracks({ session, person }: TracksProps) {
  const recording = usePlayer(session, (state) => state.recording);
  const trackId = usePlayer(session, (state) => state.trackId);
  const atMs = usePlayer(session, (state) => state.atMs);
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const states = usePlayer(session, (state) => state.segments);
  const marks = usePlayer(session, (state) => state.marks);
  const watched = usePlayer(session, (state) => state.watched);
  const days = timeLeft(recording.kept_until, useNow(60_000)).text;
  const track = recording.tracks.find(({ id }) => id === trackId) ?? null;
  const durationUs = recording.duration_us;
  const gaps = useMemo(() => gapMap(track?.gaps ?? []), [track]);
  const panes = panesOf({
    segments: track?.segments ?? [],
    gaps,
    durationUs,
    count: COUNT,
    live: recording.live,
    ...(open && track
      ? {
          atUs: atMs * 1000,
          open: (sequence: number) => states.get(keyOf(track.id, sequence)) === "open",
          bad: (sequence: number) => states.get(keyOf(track.id, sequence)) === "damaged",
        }
      : {}),
  });
  const lanes = useMemo(
    () => [
      actionsLane(open, marks, recording, track, days),
      ...pageLanes(open, recording, days),
      watchedLane(recording, open ? watched : [], person),
    ],
    [open, marks, recording, track, days, watched, person],
  );
  return (
    <Timeline
      durationUs={durationUs}
      atUs={atMs * 1000}
      lit={open}
      panes={panes}
      panesLabel={sentence(recording, gaps.length, open)}
      pins={open ? pins(marks) : []}
      bricks={gaps.map((gap) => ({
        fromUs: gap.from_us,
        toUs: gap.to_us,
        label: gapWords(gap.reason).short,
      }))}
      lanes={lanes}
      onSeek={(atUs) => session.seek(atUs / 1000)}
    />
  );
}

function sentence(recording: Recording, gaps: number, open: boolean): string {
  const parts = [`${formatSpan(recording.duration_us)} in ${plural(recording.segments, "segment")}`];
  if (gaps > 0) parts.push(plural(gaps, "gap"));
  parts.push(open ? "lit where it is open in this play" : "sealed");
  return `${parts.join(", ")}.`;
}

/** Errors that lie close together share a pin, with their number in it. */
function pins(marks: readonly Mark[]): TimelinePin[] {
  const found: (TimelinePin & { count: number })[] = [];
  for (const mark of marks) {
    if (mark.kind !== "error") continue;
    const last = found.at(-1);
    if (last && mark.atMs * 1000 - last.atUs < 5e6) last.count += 1;
    else found.push({ atUs: mark.atMs * 1000, label: "", text: "", count: 1 });
  }
  return found.map(({ atUs, count }) => ({ atUs, text: String(count), label: plural(count, "error") }));
}

type TrackOf = Recording["tracks"][number] | null;

function coarse(recording: Recording, track: TrackOf) {
  const gaps = track?.gaps ?? [];
  const panes = panesOf({
    segments: track?.segments ?? [],
    gaps,
    durationUs: recording.duration_us,
    count: COUNT,
  });
  return <Panes className="coarse" states={panes.map((pane) => (pane === "gap" ? "none" : pane))} />;
}

function actionsLane(
  open: boolean,
  marks: readonly Mark[],
  recording: Recording,
  track: TrackOf,
  days: string,
): TimelineLane {
  const { duration_us } = recording;
  const acts = marks.filter((mark) => mark.kind !== "page");
  const children = open
    ? marks.map((mark) => {
        const key = `${mark.kind}${mark.atMs}`;
        if (mark.kind === "page") {
          return (
            <span key={key} className="ev-n" style={{ left: percent(mark.atMs * 1000, duration_us) }}>
              {mark.object}
            </span>
          );
        }
        if (mark.forMs > 0 && mark.kind !== "rage") {
          const place = placed(mark.atMs * 1000, (mark.atMs + mark.forMs) * 1000, duration_us);
          return <i key={key} className="ev-k" style={place} />;
        }
        return (
          <i
            key={key}
            className={`ev-c ${mark.kind}`}
            style={{ left: percent(mark.atMs * 1000, duration_us) }}
          />
        );
      })
    : coarse(recording, track);
  return {
    id: "actions",
    icon: "click",
    name: "Actions",
    count: open ? formatCount(acts.length) : "",
    left: days,
    state: open ? "open" : "sealed",
    label: open ? `${plural(acts.length, "action")}; the list of events names them.` : "Sealed.",
    height: "m",
    children,
  };
}

/** One lane for the page, or one for each tab. */
function pageLanes(open: boolean, recording: Recording, days: string): TimelineLane[] {
  const tabs = tabsOf(recording.tracks);
  if (tabs.length <= 1) return [pageLane(open, recording, tabs[0] ?? null, days)];
  return tabs.map((track, n) => ({
    ...pageLane(open, recording, track, days),
    id: track.id,
    name: `Tab ${n + 1}`,
  }));
}

function pageLane(open: boolean, recording: Recording, track: TrackOf, days: string): TimelineLane {
  const segments = track?.segments ?? [];
  const { duration_us } = recording;
  const keyframes = segments.filter((segment) => segment.keyframe);
  const children = open ? (
    <>
      <svg className="hist" viewBox="0 0 1000 27" preserveAspectRatio="none" aria-hidden="true">
        <path d={histogram(segments, duration_us, 27)} />
      </svg>
      {keyframes.map((segment) => (
        <i key={segment.sequence} className="kf" style={{ left: percent(segment.start_us, duration_us) }} />
      ))}
    </>
  ) : (
    coarse(recording, track)
  );
  return {
    id: "page",
    icon: "page",
    name: "Page",
    count: formatCount(segments.length),
    left: days,
    state: open ? "open" : "sealed",
    label: `${plural(segments.length, "segment")}, ${plural(keyframes.length, "keyframe")}.`,
    height: "m",
    children,
  };
}

function watchedLane(recording: Recording, mine: readonly Range[], person: Session["person"]): TimelineLane {
  const others = recording.viewers.flatMap((viewer) =>
    viewer.ranges.map((range) => ({
      ...range,
      name: viewer.person.name,
      key: `${viewer.play}${range.from_us}`,
    })),
  );
  const own = mine.map((range) => ({ ...range, name: `${person.name}, now`, key: `now${range.from_us}` }));
  const people = new Set(recording.viewers.map((viewer) => viewer.person.id));
  if (mine.length > 0) people.add(person.id);
  const rows = [...stack(others, 2), ...own.map((range) => ({ ...range, row: 1 }))];
  return {
    id: "watched",
    icon: "eye",
    name: "Watched",
    count: people.size === 1 ? "1 person" : `${people.size} people`,
    state: "none",
    label:
      people.size === 0 ? "Nobody has watched it." : `Watched by ${people.size}; their names stand beside.`,
    height: "l",
    children: rows.map((range) => (
      <span
        key={range.key}
        className={`wt ${range.row === 1 ? "row1" : ""} ${range.key.startsWith("now") ? "me" : ""}`}
        style={placed(range.from_us, range.to_us, recording.duration_us)}
      >
        <b>{range.name}</b>
      </span>
    )),
  };
}
