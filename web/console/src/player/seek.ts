/** Which segments a moment needs, and how far playing may run on what is loaded. All times in microseconds. */
import type { Gap, SegmentItem, Track } from "../api/types";

/** Index of the segment that holds a moment, or of the last one before it; 0 before the first, -1 for none. */
export function segmentAt(segments: readonly SegmentItem[], atUs: number): number {
  if (segments.length === 0) return -1;
  const after = segments.findIndex((segment) => segment.start_us > atUs);
  if (after === -1) return segments.length - 1;
  return Math.max(0, after - 1);
}

export interface Window {
  /** The keyframe to begin with. */
  first: number;
  /** The segment that holds the moment. */
  target: number;
  /** Nothing that could be drawn comes before `first`. */
  earliest: boolean;
}

/** The nearest keyframe at or before an index, or -1. */
export function keyframeBefore(segments: readonly SegmentItem[], index: number): number {
  for (let at = Math.min(index, segments.length - 1); at >= 0; at -= 1) {
    if (segments[at]?.keyframe) return at;
  }
  return -1;
}

/**
 * What has to be loaded to show a moment: from the keyframe before it up to the segment it lies in.
 *
 * `before`, where given, asks for a keyframe at an earlier index: a keyframe segment may begin with increments
 * that still belong to the document before it.
 */
export function planWindow(
  segments: readonly SegmentItem[],
  atUs: number,
  before: number = Number.POSITIVE_INFINITY,
): Window | null {
  const target = segmentAt(segments, atUs);
  if (target === -1) return null;
  const found = keyframeBefore(segments, Math.min(target, before));
  const first = found === -1 ? firstKeyframe(segments) : found;
  if (first === -1) return null;
  return { first, target: Math.max(first, target), earliest: keyframeBefore(segments, first - 1) === -1 };
}

function firstKeyframe(segments: readonly SegmentItem[]): number {
  return segments.findIndex((segment) => segment.keyframe);
}

/** The first keyframe after an index: where playing can go on behind something that does not open. */
export function keyframeAfter(segments: readonly SegmentItem[], index: number): number {
  return segments.findIndex((segment, at) => at > index && segment.keyframe);
}

export const endOf = (segment: SegmentItem): number => segment.start_us + segment.duration_us;

/**
 * Where playing must stop if the segments up to `last` are loaded: a gap, the next segment, or the end.
 * The quiet time between two segments belongs to the first of them.
 */
export function playableUntil(
  segments: readonly SegmentItem[],
  gaps: readonly Gap[],
  last: number,
  fromUs: number,
  durationUs: number,
): number {
  const next = segments[last + 1];
  const current = segments[last];
  const until = next ? next.start_us : Math.max(durationUs, current ? endOf(current) : 0);
  const gap = gaps.find((candidate) => candidate.from_us >= fromUs && candidate.from_us < until);
  return gap ? Math.max(fromUs, gap.from_us) : until;
}

/** Whether a track is what the stage shows: a recorded document, or the picture of a screen. */
const isShown = (track: Track): boolean => track.kind === "dom" || track.kind === "video";

/** The track to show at a moment: the one chosen if it has it, else one that has, else the first. */
export function trackFor(tracks: readonly Track[], atUs: number, chosen: string | null): Track | null {
  const covers = (track: Track) => {
    const index = segmentAt(track.segments, atUs);
    const segment = track.segments[index];
    return segment !== undefined && segment.start_us <= atUs + 1_000_000;
  };
  const shown = tracks.filter((track) => isShown(track) && track.segments.length > 0);
  return shown.find((track) => track.id === chosen) ?? shown.find(covers) ?? shown[0] ?? null;
}
