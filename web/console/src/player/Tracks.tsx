import { useMemo } from "react";
import type { Gap, Recording, SegmentItem, Session, Track } from "../api/types";
import { panesOf, placed, sliceAt, stack } from "../components/timeline/scale";
import { Timeline, type TimelineLane, type TimelinePin } from "../components/timeline/Timeline";
import { formatSpan, plural, timeLeft } from "../lib/format";
import { useNow } from "../lib/useNow";
import type { Play } from "./api";
import { NOTHING_MARKED } from "./clip";
import { clipsLane, commentsLane } from "./coaching/lanes";
import type { Coaching } from "./coaching/useCoaching";
import { screenLanes } from "./film/lanes";
import { PreviewAt } from "./film/PreviewAt";
import { lineOf, videosOf } from "./film/stretches";
import { gapMap, gapWords } from "./gaps";
import type { Mark } from "./lane";
import { actionsLane, COUNT, pageLanes } from "./lanes";
import { keyOf, type SegmentState } from "./segments";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";
import type { Range } from "./watched";

interface TracksProps {
  session: PlaySession;
  person: Session["person"];
  coaching: Coaching;
}

/** The recording's tracks on the timeline. */
export function Tracks({ session, person, coaching }: TracksProps) {
  usePlayer(session, (state) => state.recording);
  // A clip has its place on the scale of the whole.
  const recording = session.whole;
  const clip = usePlayer(session, (state) => state.clip);
  const marked = usePlayer(session, (state) => state.marked);
  const previews = usePlayer(session, (state) =>
    state.phase.kind === "open" ? state.phase.play.previews : NO_PREVIEWS,
  );
  const trackId = usePlayer(session, (state) => state.trackId);
  const atMs = usePlayer(session, (state) => state.atMs);
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const states = usePlayer(session, (state) => state.segments);
  const marks = usePlayer(session, (state) => state.marks);
  const watched = usePlayer(session, (state) => state.watched);
  const sound = usePlayer(session, (state) => state.sound);
  const peaks = usePlayer(session, (state) => state.peaks);
  const now = useNow(60_000);
  const durationUs = recording.duration_us;
  const isScreen = recording.source === "screen";
  const shown = useMemo(() => shownOf(recording, trackId), [recording, trackId]);
  const gaps = useMemo(() => gapsOf(recording, shown), [recording, shown]);
  const at = sliceAt(atMs * 1000, durationUs, COUNT);
  const panes = useMemo(() => {
    const { segments, keys } = segmentsOf(shown);
    const is = (state: SegmentState) => (segment: SegmentItem) =>
      states.get(keys.get(segment) ?? "") === state;
    const playing = { atUs: ((at + 0.5) / COUNT) * durationUs, open: is("open"), bad: is("damaged") };
    const { live } = recording;
    return panesOf({ segments, gaps, durationUs, count: COUNT, live, ...(open ? playing : {}) });
  }, [shown, gaps, durationUs, recording, states, open, at]);
  const lanes = useMemo(() => {
    const of = { open, recording, now, days: timeLeft(recording.kept_until, now).text };
    return [
      actionsLane(of, marks, shown[0] ?? null),
      ...(isScreen ? screenLanes(of, sound, peaks) : pageLanes(of)),
      watchedLane(recording, open ? watched : [], person),
    ];
  }, [open, marks, recording, shown, now, watched, person, isScreen, sound, peaks]);
  const { comments, clips } = coaching;
  const own = useMemo(() => {
    const of = { durationUs, onSeek: open ? session.seek : null };
    return [
      ...(comments.list.data ? [commentsLane(comments.items, of)] : []),
      ...(clips.items.length > 0 || marked !== NOTHING_MARKED ? [clipsLane(clips.items, marked, of)] : []),
    ];
  }, [comments.list.data, comments.items, clips.items, marked, durationUs, open, session]);
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
      lanes={[...lanes, ...own]}
      only={clip ? { fromUs: clip.from_ms * 1000, toUs: clip.to_ms * 1000 } : null}
      {...(previews.length > 0
        ? { hover: (atUs: number) => <PreviewAt previews={previews} atUs={atUs} /> }
        : {})}
      onSeek={(atUs) => session.seek(atUs / 1000)}
    />
  );
}

const NO_PREVIEWS: Play["previews"] = [];

/** The tracks whose segments are the panes: the one that is shown, or all runs of a screen. */
function shownOf(recording: Recording, trackId: string | null): readonly Track[] {
  if (recording.source === "screen") return videosOf(recording);
  return recording.tracks.filter(({ id }) => id === trackId);
}

function gapsOf(recording: Recording, shown: readonly Track[]): readonly Gap[] {
  if (recording.source === "screen") return lineOf(recording, false).gaps;
  return gapMap(shown.flatMap((track) => track.gaps));
}

/** Segments in order, and by what name each is known to whoever opens them. */
function segmentsOf(tracks: readonly Track[]) {
  const keys = new Map(
    tracks.flatMap(({ id, segments }) =>
      segments.map((segment) => [segment, keyOf(id, segment.sequence)] as const),
    ),
  );
  return { segments: [...keys.keys()].sort((a, b) => a.start_us - b.start_us), keys };
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
