/** What a person sees about themselves: looks at what shows them, and thirty days of it at a glance. */
import type { MyRecording, Viewer } from "../api/types";
import { dayOf, formatClock } from "./format";

/** Somebody's look at one recording. */
export interface Look {
  recording: MyRecording;
  viewer: Viewer;
}

/** How much of it somebody saw, or that they have all of it elsewhere. */
export function seenWords({ copied, watched_us }: Viewer): string {
  if (copied) return "taken along as a file";
  return watched_us === 0 ? "nothing seen" : `${formatClock(watched_us)} seen`;
}

/** Every look at these recordings, newest first. */
export function looksOf(recordings: readonly MyRecording[]): Look[] {
  const looks = recordings.flatMap((recording) => recording.viewers.map((viewer) => ({ recording, viewer })));
  return looks.sort((a, b) => b.viewer.started_at.localeCompare(a.viewer.started_at));
}

/** Those that go on now and are somebody else's. */
export function watchingNow(looks: readonly Look[], own: string): Look[] {
  return looks.filter(({ viewer }) => viewer.ended_at === null && viewer.person.id !== own);
}

/** One window of the hall: a local day. */
export interface Day {
  key: string;
  name: string;
  date: string;
  weekend: boolean;
  capturedUs: number;
  watchedUs: number;
}

export const DAYS = 30;

/** Thirty local days up to today, oldest first, with how long was captured and how long somebody looked. */
export function hallOf(recordings: readonly MyRecording[], now: Date, own: string): Day[] {
  const days = new Map<string, Day>();
  for (let back = DAYS - 1; back >= 0; back -= 1) {
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - back, 12);
    const { key, name, date } = dayOf(day.toISOString(), now);
    const weekend = day.getDay() === 0 || day.getDay() === 6;
    days.set(key, { key, name, date, weekend, capturedUs: 0, watchedUs: 0 });
  }
  const of = (iso: string) => days.get(dayOf(iso, now).key);
  for (const recording of recordings) {
    const day = of(recording.started_at);
    if (day) day.capturedUs += recording.duration_us;
    for (const viewer of recording.viewers) {
      const looked = viewer.person.id === own ? undefined : of(viewer.started_at);
      if (looked) looked.watchedUs += viewer.watched_us;
    }
  }
  return [...days.values()];
}

/** Height of a window's glass or gold, in percent of the highest; what is there is never too small to see. */
export function heightOf(us: number, most: number): number {
  if (us <= 0 || most <= 0) return 0;
  return Math.max(6, Math.round((us / most) * 100));
}

/** A length of time where there is little room: `40 s`, `18 min`, `133 h`. */
export function shortWords(us: number): string {
  return longWords(us).replace(/ (second|minute|hour)s?$/, (_, unit: string) => ` ${units[unit] ?? unit}`);
}

const units: Record<string, string> = { second: "s", minute: "min", hour: "h" };

/** A length of time as one says it: `40 seconds`, `18 minutes`, `133 hours`. */
export function longWords(us: number): string {
  const seconds = Math.round(us / 1_000_000);
  const words = (n: number, unit: string) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  if (seconds < 90) return words(seconds, "second");
  if (seconds < 90 * 60) return words(Math.round(seconds / 60), "minute");
  return words(Math.round(seconds / 3600), "hour");
}
