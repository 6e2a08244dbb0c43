/** A month as a table of days. Months are `2026-11`, days `2026-11-03`, both of UTC as the API counts them. */
import type { CalendarDay } from "../api/coaching";
import { formatSpan, plural } from "./format";

export const WEEKDAYS = [
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
  "Sunday",
] as const;
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

const two = (n: number) => String(n).padStart(2, "0");
const partsOf = (month: string): [number, number] => [
  Number(month.slice(0, 4)),
  Number(month.slice(5, 7)) - 1,
];

export const monthOf = (now: Date): string => `${now.getUTCFullYear()}-${two(now.getUTCMonth() + 1)}`;
export const dayOf = (now: Date): string => `${monthOf(now)}-${two(now.getUTCDate())}`;

/** The month so many months later. */
export function monthBy(month: string, by: number): string {
  const [year, index] = partsOf(month);
  return monthOf(new Date(Date.UTC(year, index + by, 1)));
}

export function monthName(month: string): string {
  const [year, index] = partsOf(month);
  return `${MONTHS[index] ?? ""} ${year}`;
}

/** `3 November`. */
export function dayName(day: string): string {
  return `${Number(day.slice(8))} ${MONTHS[partsOf(day)[1]] ?? ""}`;
}

/** The weeks of a month from Monday on; null where a place belongs to another month. */
export function weeksOf(month: string): (string | null)[][] {
  const [year, index] = partsOf(month);
  const days = new Date(Date.UTC(year, index + 1, 0)).getUTCDate();
  const before = (new Date(Date.UTC(year, index, 1)).getUTCDay() + 6) % 7;
  const places: (string | null)[] = Array.from({ length: before }, () => null);
  for (let day = 1; day <= days; day += 1) places.push(`${month}-${two(day)}`);
  while (places.length % 7 !== 0) places.push(null);
  return Array.from({ length: places.length / 7 }, (_, week) => places.slice(week * 7, week * 7 + 7));
}

/** What was recorded on a day: how long, and the rest of the sentence. */
export function dayWords({ recordings, recorded_ms, gaps_ms }: CalendarDay): {
  length: string;
  rest: string;
} {
  const missing = gaps_ms > 0 ? `, and ${formatSpan(gaps_ms * 1000)} missing between` : "";
  return { length: formatSpan(recorded_ms * 1000), rest: ` in ${plural(recordings, "recording")}${missing}` };
}

/**
 * Where a key leads among the days that have something: arrows to the next one that way, up and down by weeks at least.
 * Null for another key, or where there is none.
 */
export function dayByKey(key: string, day: string, days: readonly string[]): string | null {
  const order = [...days].sort();
  const weeks = (by: number) => {
    const to = new Date(Date.parse(`${day}T00:00:00Z`) + by * 7 * 86_400_000).toISOString().slice(0, 10);
    return by > 0 ? order.find((other) => other >= to) : order.findLast((other) => other <= to);
  };
  const moves: Record<string, () => string | undefined> = {
    ArrowLeft: () => order.findLast((other) => other < day),
    ArrowRight: () => order.find((other) => other > day),
    ArrowUp: () => weeks(-1),
    ArrowDown: () => weeks(1),
    Home: () => order[0],
    End: () => order.at(-1),
  };
  return moves[key]?.() ?? null;
}
