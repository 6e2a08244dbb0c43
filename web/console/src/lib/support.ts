/** Help from outside, in words. */
import type { SupportItem } from "../api/support";
import { formatDate, formatTime, namesOf } from "./format";
import { rightName } from "./roles";

/** How long somebody may be let in for. */
export const LASTS: readonly { hours: number; words: string }[] = [
  { hours: 1, words: "1 hour" },
  { hours: 4, words: "4 hours" },
  { hours: 24, words: "24 hours" },
  { hours: 72, words: "3 days" },
  { hours: 168, words: "7 days" },
];

/** What is asked for most: seeing recordings and watching them. */
export const USUAL: readonly string[] = ["recording.list", "recording.read", "recording.play"];

/** Whether a right can be lent for a part of the organisation: what is asked of recordings. */
export const hasParts = (right: string): boolean => right.startsWith("recording.") || right === "view.ask";

/** The rights that can be lent for a part, and those that cannot. */
export function halves(rights: readonly string[]): { parts: string[]; whole: string[] } {
  return { parts: rights.filter(hasParts), whole: rights.filter((right) => !hasParts(right)) };
}

/** What somebody may do, as the end of a sentence: three things at most, and how many more. */
export function mayWords(rights: readonly string[]): string {
  const words = rights.map((right) => rightName(right));
  return namesOf(words.map((word) => word.charAt(0).toLowerCase() + word.slice(1)));
}

/** How long something still runs, to the minute: whoever decides to end it wants no rounder number. */
export function leftToRun(until: string, now: Date): string {
  const minutes = Math.ceil((Date.parse(until) - now.getTime()) / 60_000);
  if (minutes <= 0) return "no time";
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${rest} min` : `${rest} min`;
}

/** The day is said where it is not today. */
export function untilWords(until: string, now: Date): string {
  const today = formatDate(until) === formatDate(now.toISOString());
  return today ? formatTime(until) : `${formatTime(until)} on ${formatDate(until)}`;
}

/** Those who were let in before and are not now, each once. */
export function knownSupporters(items: readonly SupportItem[]): { id: string; name: string }[] {
  const running = new Set(items.filter((item) => item.running).map((item) => item.person.id));
  const found = new Map<string, string>();
  for (const { person } of items) if (!running.has(person.id)) found.set(person.id, person.name);
  return [...found].map(([id, name]) => ({ id, name }));
}

/** How a grant that does not run came to its end. */
export function endWords(item: SupportItem): string {
  if (item.ended_at === null) return `ran out on ${formatDate(item.ends_at)}, ${formatTime(item.ends_at)}`;
  const at = `on ${formatDate(item.ended_at)}, ${formatTime(item.ended_at)}`;
  return item.ended_by
    ? `ended by ${item.ended_by.name} ${at}`
    : `ended ${at} with the account of who made it`;
}
