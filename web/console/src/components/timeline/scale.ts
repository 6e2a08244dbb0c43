/** The timeline's arithmetic: slices, ticks, places. Times in microseconds unless a name says otherwise. */
import type { Gap, SegmentItem } from "../../api/types";
import type { PaneState } from "../Panes";

/** Where a moment stands, as a share of the whole between 0 and 1. */
export function share(atUs: number, durationUs: number): number {
  if (durationUs <= 0) return 0;
  return Math.max(0, Math.min(1, atUs / durationUs));
}

/** The same as a CSS length. */
export const percent = (atUs: number, durationUs: number): string =>
  `${(share(atUs, durationUs) * 100).toFixed(3)}%`;

/** Place and width of a range, as CSS lengths. */
export function placed(fromUs: number, toUs: number, durationUs: number): { left: string; width: string } {
  const from = share(fromUs, durationUs);
  const to = Math.max(from, share(toUs, durationUs));
  return { left: `${(from * 100).toFixed(3)}%`, width: `${((to - from) * 100).toFixed(3)}%` };
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200] as const;

/** Moments for the ruler: round ones, at most `most` of them, without the start and not too near the end. */
export function ticks(durationUs: number, most: number): number[] {
  const seconds = durationUs / 1e6;
  const step = STEPS_S.find((candidate) => seconds / candidate <= most) ?? 86_400;
  const found: number[] = [];
  for (let at = step; at < seconds - step * 0.3; at += step) found.push(at * 1e6);
  return found;
}

/** A ruler's label: `0:30`, `12:00`, `1:04:00`. */
export function tickLabel(atUs: number): string {
  const all = Math.round(atUs / 1e6);
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(all / 3600);
  const m = Math.floor((all % 3600) / 60);
  return h > 0 ? `${h}:${two(m)}:${two(all % 60)}` : `${m}:${two(all % 60)}`;
}

export interface PanesOf {
  segments: readonly SegmentItem[];
  gaps: readonly Gap[];
  durationUs: number;
  /** How many slices. */
  count: number;
  /** Whether a segment is open in this play. */
  open?: (segment: SegmentItem) => boolean;
  /** Whether a segment does not open. */
  bad?: (segment: SegmentItem) => boolean;
  /** The playhead, where there is one. */
  atUs?: number;
  /** It is still going on. */
  live?: boolean;
}

interface Slice {
  bytes: number;
  gapUs: number;
  segments: SegmentItem[];
}

/**
 * One state per equal slice of time.
 *
 * A segment's bytes are spread over the time up to the next segment, because quiet seconds belong to it. Tone is
 * the share of the busiest slice, by fifths of its square root, so that one huge slice does not blank the rest.
 */
export function panesOf(of: PanesOf): PaneState[] {
  const width = of.durationUs / of.count;
  if (!(width > 0)) return Array.from({ length: of.count }, () => "none");
  const slices = Array.from({ length: of.count }, (_, n) => slice(of, n * width, (n + 1) * width));
  const most = Math.max(1, ...slices.map(({ bytes }) => bytes));
  return slices.map((part, n) => {
    const here = of.atUs !== undefined && sliceAt(of.atUs, of.durationUs, of.count) === n;
    if (part.gapUs > width / 2) return "gap";
    if (part.segments.some((segment) => of.bad?.(segment))) return "bad";
    if (of.live && n === of.count - 1) return "now";
    if (part.segments.length === 0) return "none";
    if (here) return "hot";
    if (of.open && part.segments.every(of.open)) return "lit";
    return tone(part.bytes / most);
  });
}

/** Which of so many equal slices a moment lies in. */
export function sliceAt(atUs: number, durationUs: number, count: number): number {
  return Math.max(0, Math.min(count - 1, Math.floor(share(atUs, durationUs) * count)));
}

function tone(part: number): PaneState {
  const tones = ["a0", "a1", "a2", "a3", "a4"] as const;
  return tones[Math.min(4, Math.floor(Math.sqrt(part) * 5))] ?? "a0";
}

function slice(of: PanesOf, from: number, to: number): Slice {
  const found: Slice = { bytes: 0, gapUs: 0, segments: [] };
  for (const [index, segment] of of.segments.entries()) {
    const next = of.segments[index + 1];
    const end = Math.max(next ? next.start_us : of.durationUs, segment.start_us + 1);
    const shared = Math.min(end, to) - Math.max(segment.start_us, from);
    if (shared <= 0) continue;
    found.bytes += segment.size_bytes * (shared / (end - segment.start_us));
    found.segments.push(segment);
  }
  for (const gap of of.gaps)
    found.gapUs += Math.max(0, Math.min(gap.to_us, to) - Math.max(gap.from_us, from));
  return found;
}

/** Bars of a histogram as an SVG path in a box of 1000 by `height`: one per segment, by its size. */
export function histogram(segments: readonly SegmentItem[], durationUs: number, height: number): string {
  const most = Math.max(1, ...segments.map((segment) => segment.size_bytes));
  return segments
    .map((segment) => {
      const x = (share(segment.start_us + segment.duration_us / 2, durationUs) * 1000).toFixed(1);
      const y = (height - Math.max(2, Math.sqrt(segment.size_bytes / most) * (height - 4))).toFixed(1);
      return `M${x} ${height}V${y}`;
    })
    .join("");
}

export interface Spanned {
  from_us: number;
  to_us: number;
}

/** Rows for ranges so that none covers another: each goes to the first row with room. */
export function stack<T extends Spanned>(ranges: readonly T[], rows: number): (T & { row: number })[] {
  const ends = Array.from({ length: rows }, () => Number.NEGATIVE_INFINITY);
  return ranges.map((range) => {
    const free = ends.findIndex((end) => end <= range.from_us);
    const row = free === -1 ? rows - 1 : free;
    ends[row] = Math.max(ends[row] ?? 0, range.to_us);
    return { ...range, row };
  });
}

/** The moment under a pointer. */
export function momentAt(clientX: number, left: number, width: number, durationUs: number): number {
  return width <= 0 ? 0 : share(clientX - left, width) * durationUs;
}

/** Where a moment is on the page: what stands above it, however somebody got there, stands there. */
export function placeOf(atUs: number, left: number, width: number, durationUs: number): number {
  return left + share(atUs, durationUs) * width;
}

/** Where a key on the slider leads, or null for a key that means nothing there. */
export function keyMoment(key: string, atUs: number, durationUs: number): number | null {
  const moves: Record<string, number> = {
    ArrowLeft: atUs - 1e6,
    ArrowDown: atUs - 1e6,
    ArrowRight: atUs + 1e6,
    ArrowUp: atUs + 1e6,
    PageDown: atUs - 10e6,
    PageUp: atUs + 10e6,
    Home: 0,
    End: durationUs,
  };
  const to = moves[key];
  return to === undefined ? null : Math.max(0, Math.min(durationUs, to));
}
