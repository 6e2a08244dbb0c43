/** Which of the visitor's tabs to show at a moment, where nobody has chosen one. */
import type { Track } from "../api/types";
import { gapAt } from "./gaps";
import { endOf, segmentAt } from "./seek";

/** What is known of a track from its opened segments. */
export interface Signs {
  /** When the visitor moved, clicked, typed or scrolled there, in ascending milliseconds. */
  acted: readonly number[];
  /** Whether a segment has been read; before that it counts as if something was done when it begins. */
  read: (index: number) => boolean;
}

/** The tabs of a recording, in the order they were opened. */
export const tabsOf = (tracks: readonly Track[]): Track[] => tracks.filter((track) => track.kind === "dom");

/** The last of ascending numbers that is not above a limit, or null. */
function lastUpTo(ascending: readonly number[], limit: number): number | null {
  let [from, to] = [0, ascending.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((ascending[middle] ?? 0) <= limit) from = middle + 1;
    else to = middle;
  }
  return ascending[from - 1] ?? null;
}

/** When the visitor was last in a tab, as far as a moment and what is read can tell. Milliseconds, or null. */
function lastSign(track: Track, atUs: number, { acted, read }: Signs): number | null {
  const first = track.segments[0];
  if (!first || first.start_us > atUs) return null;
  const opened = first.start_us / 1000;
  const known = lastUpTo(acted, atUs / 1000) ?? opened;
  for (let index = segmentAt(track.segments, atUs); index >= 0; index -= 1) {
    const segment = track.segments[index];
    if (!segment || segment.start_us / 1000 <= known) break;
    if (!read(index)) return segment.start_us / 1000;
  }
  return Math.max(known, opened);
}

/** A tab that has ended, or is in a gap, has nothing to show of a moment. */
function hasNothing(track: Track, atUs: number, growing: boolean): boolean {
  const last = track.segments.at(-1);
  return !last || (!growing && atUs > endOf(last)) || gapAt(track.gaps, atUs) !== null;
}

/**
 * The tab in which the visitor did something last. One that has nothing to show of the moment gives way to one that
 * has; before the first has begun, it is the first to begin. At the edge of a recording that is growing a tab that
 * is merely quiet has not ended.
 */
export function tabAt(
  tracks: readonly Track[],
  atUs: number,
  signsOf: (track: Track) => Signs,
  shown: string | null,
  growing = false,
): Track | null {
  const tabs = tabsOf(tracks).filter((track) => track.segments.length > 0);
  const begun = tabs.flatMap((track) => {
    const sign = lastSign(track, atUs, signsOf(track));
    return sign === null ? [] : [{ track, sign, nothing: hasNothing(track, atUs, growing) }];
  });
  begun.sort(
    (a, b) =>
      Number(a.nothing) - Number(b.nothing) ||
      b.sign - a.sign ||
      Number(b.track.id === shown) - Number(a.track.id === shown),
  );
  const startOf = (track: Track) => track.segments[0]?.start_us ?? 0;
  return begun[0]?.track ?? tabs.sort((a, b) => startOf(a) - startOf(b))[0] ?? null;
}
