/** Which segments the video element is given around a moment, and which it may let go. Times are microseconds. */
import type { SegmentItem } from "../../api/types";
import { endOf, keyframeBefore, segmentAt } from "../seek";

/** What the element holds of a track: the indices of the first and the last segment, one after another. */
export interface Held {
  first: number;
  last: number;
}

/** How far ahead of the playhead is opened at ordinary speed, and how much behind it is kept. */
export const AHEAD_US = 30_000_000;
export const BEHIND_US = 20_000_000;

/** Where to begin for a moment: a picture with the frame that others hang on, sound a little before it. */
export function beginAt(segments: readonly SegmentItem[], atUs: number): number {
  const at = segmentAt(segments, atUs);
  const key = keyframeBefore(segments, at);
  return key === -1 ? at : key;
}

/**
 * What a moment needs: from where to begin up to the segment that holds it, or the next one where it lies between two.
 * Sound does not begin at the same moment as its picture.
 */
export function windowAt(segments: readonly SegmentItem[], atUs: number): number[] {
  const [first, at] = [beginAt(segments, atUs), segmentAt(segments, atUs)];
  const here = segments[at];
  if (!here) return [];
  const last = endOf(here) <= atUs && at + 1 < segments.length ? at + 1 : at;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => first + n);
}

/** Whether what is held reaches a moment without a hole before it. */
export function holds(segments: readonly SegmentItem[], held: Held | null, atUs: number): boolean {
  if (held === null) return false;
  const at = segmentAt(segments, atUs);
  return at >= held.first && at <= held.last;
}

/** The indices to open next, at most so many. */
export function ahead(
  segments: readonly SegmentItem[],
  held: Held,
  atUs: number,
  speed: number,
  most: number,
): number[] {
  const limit = atUs + AHEAD_US * Math.max(1, speed);
  const found: number[] = [];
  for (let at = held.last + 1; at < segments.length && found.length < most; at += 1) {
    const next = segments[at];
    if (!next || next.start_us > limit) break;
    found.push(at);
  }
  return found;
}

/** What is left of what is held when everything long past has been let go, and where that begins; null if all stays. */
export function letGo(
  segments: readonly SegmentItem[],
  held: Held,
  atUs: number,
): { held: Held; beforeUs: number } | null {
  const first = Math.min(held.last, beginAt(segments, atUs - BEHIND_US));
  const start = segments[first];
  return start && first > held.first ? { held: { first, last: held.last }, beforeUs: start.start_us } : null;
}

/** Where playing goes on if nothing is buffered at a moment and something is soon behind it, in seconds; else null. */
export function hop(buffered: TimeRanges, at: number, most: number): number | null {
  for (let n = 0; n < buffered.length; n += 1) {
    const [from, to] = [buffered.start(n), buffered.end(n)];
    if (from > at && from - at <= most && to > from) return from;
  }
  return null;
}

export function isWithin(buffered: TimeRanges, at: number): boolean {
  for (let n = 0; n < buffered.length; n += 1) {
    if (buffered.start(n) <= at && at < buffered.end(n)) return true;
  }
  return false;
}
