/** What was watched, as ranges of recording time. */

export interface Range {
  from_us: number;
  to_us: number;
}

/** Looks that lie closer together than this are one. */
const JOIN_US = 1_000_000;

/** Adds a range to others; the result is in order and joined where they meet. */
export function addRange(ranges: readonly Range[], range: Range): Range[] {
  if (range.to_us <= range.from_us) return [...ranges];
  const sorted = [...ranges, range].sort((a, b) => a.from_us - b.from_us);
  const joined: Range[] = [];
  for (const next of sorted) {
    const last = joined.at(-1);
    if (last && next.from_us <= last.to_us + JOIN_US) last.to_us = Math.max(last.to_us, next.to_us);
    else joined.push({ ...next });
  }
  return joined;
}

/** Whole microseconds, as the API takes them. */
export const whole = (range: Range): Range => ({
  from_us: Math.max(0, Math.round(range.from_us)),
  to_us: Math.max(0, Math.round(range.to_us)),
});

export const total = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, range) => sum + range.to_us - range.from_us, 0);
