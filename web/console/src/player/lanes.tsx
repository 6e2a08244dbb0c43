/** Lanes of the timeline: what somebody did, and the recorded pages. */
import type { Recording, Track } from "../api/types";
import { Panes } from "../components/Panes";
import { histogram, panesOf, percent, placed } from "../components/timeline/scale";
import type { TimelineLane } from "../components/timeline/Timeline";
import { formatCount, plural } from "../lib/format";
import type { Mark } from "./lane";
import { tabsOf } from "./tabs";

/** Into how many slices a row is cut. */
export const COUNT = 96;

/** What every lane is told. */
export interface LaneOf {
  open: boolean;
  recording: Recording;
  /** How long it is kept. */
  days: string;
  now: Date;
}

/** What is known of a track without opening it. */
export function Coarse({ recording, track }: { recording: Recording; track: Track | null }) {
  const panes = panesOf({
    segments: track?.segments ?? [],
    gaps: track?.gaps ?? [],
    durationUs: recording.duration_us,
    count: COUNT,
  });
  return <Panes className="coarse" states={panes.map((pane) => (pane === "gap" ? "none" : pane))} />;
}

/** How much came when, of one track or several one after another. */
export function Amounts({ recording, tracks }: { recording: Recording; tracks: readonly Track[] }) {
  const segments = tracks.flatMap((track) => track.segments);
  return (
    <svg className="hist" viewBox="0 0 1000 27" preserveAspectRatio="none" aria-hidden="true">
      <path d={histogram(segments, recording.duration_us, 27)} />
    </svg>
  );
}

export function actionsLane(
  { open, recording, days }: LaneOf,
  marks: readonly Mark[],
  track: Track | null,
): TimelineLane {
  const acts = marks.filter((mark) => mark.kind !== "page" && mark.kind !== "idle");
  return {
    id: "actions",
    icon: "click",
    name: "Actions",
    count: open ? formatCount(acts.length) : "",
    left: days,
    state: open ? "open" : "sealed",
    label: open ? `${plural(acts.length, "action")}; the list of events names them.` : "Sealed.",
    height: "m",
    children: open ? (
      marks.map((mark) => (
        <Act key={`${mark.kind}${mark.atMs}`} mark={mark} durationUs={recording.duration_us} />
      ))
    ) : (
      <Coarse recording={recording} track={track} />
    ),
  };
}

function Act({ mark, durationUs }: { mark: Mark; durationUs: number }) {
  const left = percent(mark.atMs * 1000, durationUs);
  if (mark.kind === "idle") return null;
  if (mark.kind === "page") {
    return (
      <span className="ev-n" style={{ left }}>
        {mark.object}
      </span>
    );
  }
  if (mark.forMs > 0 && mark.kind !== "rage") {
    return (
      <i className="ev-k" style={placed(mark.atMs * 1000, (mark.atMs + mark.forMs) * 1000, durationUs)} />
    );
  }
  return <i className={`ev-c ${mark.kind}`} style={{ left }} />;
}

/** One lane for the page, or one for each tab. */
export function pageLanes(of: LaneOf): TimelineLane[] {
  const tabs = tabsOf(of.recording.tracks);
  if (tabs.length <= 1) return [pageLane(of, tabs[0] ?? null)];
  return tabs.map((track, n) => ({ ...pageLane(of, track), id: track.id, name: `Tab ${n + 1}` }));
}

function pageLane({ open, recording, days }: LaneOf, track: Track | null): TimelineLane {
  const segments = track?.segments ?? [];
  const keyframes = segments.filter((segment) => segment.keyframe);
  return {
    id: "page",
    icon: "page",
    name: "Page",
    count: formatCount(segments.length),
    left: days,
    state: open ? "open" : "sealed",
    label: `${plural(segments.length, "segment")}, ${plural(keyframes.length, "keyframe")}.`,
    height: "m",
    children: open ? (
      <>
        <Amounts recording={recording} tracks={track ? [track] : []} />
        {keyframes.map((segment) => (
          <i
            key={segment.sequence}
            className="kf"
            style={{ left: percent(segment.start_us, recording.duration_us) }}
          />
        ))}
      </>
    ) : (
      <Coarse recording={recording} track={track} />
    ),
  };
}
