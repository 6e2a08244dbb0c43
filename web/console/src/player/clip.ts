/** A part of a recording: what somebody marks, and what a play of a clip sees. */
import type { PlayedClip } from "../api/coaching";
import type { Recording, SegmentItem } from "../api/types";
import { formatClock } from "../lib/format";
import { keyframeBefore, segmentAt } from "./seek";

/** From where to where somebody marked, in milliseconds; either end may be open. */
export interface Marked {
  fromMs: number | null;
  toMs: number | null;
}

export const NOTHING_MARKED: Marked = { fromMs: null, toMs: null };
/** Shorter than this is a moment. */
const SHORTEST_MS = 100;

/** Marks the beginning. An end that would lie before it is taken away. */
export function markFrom({ toMs }: Marked, atMs: number): Marked {
  const fromMs = Math.floor(atMs);
  return { fromMs, toMs: toMs !== null && toMs - fromMs >= SHORTEST_MS ? toMs : null };
}

/** Marks the end: never beyond the last moment. A beginning that would lie behind it is taken away. */
export function markTo({ fromMs }: Marked, atMs: number): Marked {
  const toMs = Math.floor(atMs);
  return { fromMs: fromMs !== null && toMs - fromMs >= SHORTEST_MS ? fromMs : null, toMs };
}

/** The part as the API takes it, or null while an end is open. */
export function partOf({ fromMs, toMs }: Marked): { from_ms: number; to_ms: number } | null {
  return fromMs === null || toMs === null ? null : { from_ms: fromMs, to_ms: toMs };
}

/** `01:30 to 02:10`. */
export const partWords = (part: { from_ms: number; to_ms: number }): string =>
  `${formatClock(part.from_ms * 1000)} to ${formatClock(part.to_ms * 1000)}`;

/**
 * A recording as a play of a clip sees it: it ends where the clip does, and of what comes before there is only what the
 * first picture of the clip hangs on. Nothing else is opened in such a play.
 */
export function clipped(recording: Recording, clip: PlayedClip): Recording {
  const [fromUs, toUs] = [clip.from_ms * 1000, clip.to_ms * 1000];
  return {
    ...recording,
    live: false,
    duration_us: Math.min(toUs, recording.duration_us),
    tracks: recording.tracks.map((track) => ({
      ...track,
      segments: between(track.segments, fromUs, toUs, track.kind === "dom" || track.kind === "video"),
      gaps: track.gaps.filter((gap) => gap.to_us > fromUs && gap.from_us < toUs),
    })),
  };
}

function between(
  segments: readonly SegmentItem[],
  fromUs: number,
  toUs: number,
  hangs: boolean,
): SegmentItem[] {
  const at = segmentAt(segments, fromUs);
  const key = hangs ? keyframeBefore(segments, at) : -1;
  return segments.slice(Math.max(0, key === -1 ? at : key)).filter(({ start_us }) => start_us < toUs);
}
