/** How long what is kept, in words and in windows, and what a change of it would erase. */
import { ApiError } from "../api/client";
import type { RetentionPreview, Sweeping } from "../api/keeping";
import type { PaneState } from "../components/Panes";
import { formatCount, plural } from "./format";
import { durationWords, readValue } from "./settings";

/** Days that mean “until somebody deletes it”: a hundred years. */
const CENTURY = 36_525;
const PREFIX = "retention.";
const CLASSES = ["replay", "recording", "screenshot", "activity.raw", "actionlog", "event.vod"];

/** Whether a setting says how long something is kept. */
export function isRetention(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** The class of tracks a setting is about; null where it is about something else, such as what was deleted. */
export function classOf(name: string): string | null {
  const rest = isRetention(name) ? name.slice(PREFIX.length) : "";
  return CLASSES.includes(rest) ? rest : null;
}

/** Days in a duration of ISO 8601, a month as 30; null where it is none. */
export function daysOf(iso: unknown): number | null {
  if (typeof iso !== "string") return null;
  const parts = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(
    iso,
  );
  if (!parts || iso.endsWith("P") || iso.endsWith("T")) return null;
  const [years, months, weeks, days, hours, minutes, seconds] = parts.slice(1).map((n) => Number(n ?? 0));
  const whole = (years ?? 0) * 365 + (months ?? 0) * 30 + (weeks ?? 0) * 7 + (days ?? 0);
  return whole + ((hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0)) / 86_400;
}

/** For how long it is kept, in words. */
export function keptWords(iso: unknown): string {
  const days = daysOf(iso);
  if (days === null) return "not readable";
  return days >= CENTURY ? "until somebody deletes it" : durationWords(String(iso));
}

/** What somebody typed as a time: a bare number is days. Undefined where it is none. */
export function readKept(typed: string): string | undefined {
  const text = typed.trim();
  if (/^\d{1,5}$/.test(text)) return `P${Number(text)}D`;
  const value = readValue("duration", text);
  return daysOf(value) === null ? undefined : String(value);
}

/** Whether something would be kept for a shorter time than now. What cannot be read counts as longer. */
export function shortens(before: unknown, after: unknown): boolean {
  const [was, is] = [daysOf(before), daysOf(after)];
  return is !== null && (was === null || is < was);
}

/** How many recordings the server says a change erases, where it wants that number confirmed. */
export function toldDue(error: unknown): number | null {
  if (!(error instanceof ApiError) || error.slug !== "retention-shortens") return null;
  const told = error.problem.errors.find(({ path }) => path === "confirms");
  const due = Number(told?.message);
  return told !== undefined && Number.isSafeInteger(due) && due >= 0 ? due : null;
}

/** What would be due at once, as a sentence. */
export function dueSentence(due: number): string {
  if (due === 0) return "Nothing that is there now would be due at once.";
  const are = due === 1 ? "recording is" : "recordings are";
  return `${formatCount(due)} ${are} older than that. They are queued to be erased with the next sweep, and do not come back.`;
}

/** Thirty days as windows, the fuller the more falls due in one: as things are, and as they would be. */
export function duePanes(next: RetentionPreview["next"]): { now: PaneState[]; then: PaneState[] } {
  const most = Math.max(1, ...next.flatMap((day) => [day.now, day.then]));
  const pane = (n: number): PaneState =>
    n === 0 ? "none" : ((["a1", "a2", "a3", "a4"] as const)[Math.ceil((n / most) * 4) - 1] ?? "a4");
  // biome-ignore lint/suspicious/noThenProperty: a row of windows, named as the API names it
  return { now: next.map((day) => pane(day.now)), then: next.map((day) => pane(day.then)) };
}

export type SweepStanding = "never" | "done" | "waits" | "confirmed" | "stopped";

/** Where the sweep stands: whether it waits for somebody to confirm it. */
export function sweepStanding(sweep: Sweeping): SweepStanding {
  if (sweep.clock_in_doubt) return "stopped";
  if (sweep.waits_since !== null) return sweep.confirmed_at === null ? "waits" : "confirmed";
  return sweep.swept_at === null ? "never" : "done";
}

/** Why the sweep waits. */
export function brakeSentence(sweep: Pick<Sweeping, "due" | "expected">): string {
  return `${plural(sweep.due, "recording is", "recordings are")} due to be erased, and ${formatCount(sweep.expected)} had been foreseen. Somebody has to say that this is meant.`;
}
