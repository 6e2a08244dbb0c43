/** The sentence above the list: what it may say, how the address keeps it, and what the API is asked. */
import * as v from "valibot";
import type { Query } from "../api/client";

export const STATES = [
  "capturing",
  "active",
  "soft_deleted",
  "purge_queued",
  "shredded",
  "verified",
] as const;
export const SOURCES = ["web", "screen"] as const;
export const PERIODS = ["1h", "24h", "7d", "30d", "90d"] as const;
export const LENGTHS = ["10s", "1m", "5m", "15m"] as const;

const HOUR = 3_600_000;
const periodMs: Record<Period, number> = {
  "1h": HOUR,
  "24h": 24 * HOUR,
  "7d": 7 * 24 * HOUR,
  "30d": 30 * 24 * HOUR,
  "90d": 90 * 24 * HOUR,
};
const lengthMs: Record<Length, number> = { "10s": 10_000, "1m": 60_000, "5m": 300_000, "15m": 900_000 };

export type Source = (typeof SOURCES)[number];
export type State = (typeof STATES)[number];
export type Period = (typeof PERIODS)[number];
export type Length = (typeof LENGTHS)[number];
export type Watched = "yes" | "no";

/** What differs from "everything from every site": an empty object is the whole list. */
export interface ListSearch {
  source?: Source;
  site?: string;
  state?: State;
  last?: Period;
  longer?: Length;
  watched?: Watched;
  /** Only what shows this person. */
  person?: string;
  /** Only what was going on in this day of UTC, whenever it began; then there is no period. */
  day?: string;
}

const part = {
  source: v.picklist(SOURCES),
  site: v.pipe(v.string(), v.regex(/^sit_[0-9a-z]{1,64}$/)),
  state: v.picklist(STATES),
  last: v.picklist(PERIODS),
  longer: v.picklist(LENGTHS),
  watched: v.picklist(["yes", "no"]),
  person: v.pipe(v.string(), v.regex(/^per_[0-9a-z]{1,64}$/)),
  day: v.pipe(
    v.string(),
    v.regex(/^\d{4}-\d\d-\d\d$/),
    v.check((day) => !Number.isNaN(Date.parse(`${day}T00:00:00Z`))),
  ),
};

/** Reads an address. A part that is not understood is left out: the rest of the sentence still holds. */
export function parseListSearch(raw: Record<string, unknown>): ListSearch {
  const found: ListSearch = {};
  const source = v.safeParse(part.source, raw.source);
  if (source.success) found.source = source.output;
  const site = v.safeParse(part.site, raw.site);
  if (site.success) found.site = site.output;
  const state = v.safeParse(part.state, raw.state);
  if (state.success) found.state = state.output;
  const last = v.safeParse(part.last, raw.last);
  if (last.success) found.last = last.output;
  const longer = v.safeParse(part.longer, raw.longer);
  if (longer.success) found.longer = longer.output;
  const watched = v.safeParse(part.watched, raw.watched);
  if (watched.success) found.watched = watched.output;
  const person = v.safeParse(part.person, raw.person);
  if (person.success) found.person = person.output;
  const day = v.safeParse(part.day, raw.day);
  if (day.success) found.day = day.output;
  return found;
}

/** The start of a period that ends now, on a whole minute, so that the same question has the same name. */
export function periodStart(period: Period, now: Date): string {
  return new Date(Math.floor((now.getTime() - periodMs[period]) / 60_000) * 60_000).toISOString();
}

/** A day of UTC, from its first moment to that of the next. */
export function dayOfUtc(day: string): { from: string; to: string } {
  const from = Date.parse(`${day}T00:00:00Z`);
  return { from: new Date(from).toISOString(), to: new Date(from + 24 * HOUR).toISOString() };
}

/** Whether it was going on already when a day of UTC began. */
export const wentOnInto = (day: string, startedAt: string): boolean =>
  Date.parse(startedAt) < Date.parse(dayOfUtc(day).from);

/** What the API is asked for a sentence. */
export function listQuery(search: ListSearch, now: Date): Query {
  const day = search.day === undefined ? null : dayOfUtc(search.day);
  return {
    person: search.person,
    source: search.source,
    site: search.site,
    state: search.state,
    from: day ? day.from : search.last ? periodStart(search.last, now) : undefined,
    to: day?.to,
    min_duration_ms: search.longer ? lengthMs[search.longer] : undefined,
    watched: search.watched,
  };
}

/** A sentence with one part set, or taken out where the value is null. */
export function withPart<K extends keyof ListSearch>(
  search: ListSearch,
  key: K,
  value: ListSearch[K] | null,
): ListSearch {
  const next: ListSearch = { ...search };
  if (value === null || value === undefined) delete next[key];
  else next[key] = value;
  // A screen is of no site.
  if (next.source === "screen") delete next.site;
  // A day is a period of its own.
  if (key === "last") delete next.day;
  if (key === "day") delete next.last;
  return next;
}

export const sourceWords: Record<Source, string> = { web: "sessions", screen: "screens" };
export const stateWords: Record<State, string> = {
  capturing: "still going on",
  active: "closed and kept",
  soft_deleted: "deleted, to be restored",
  purge_queued: "being erased",
  shredded: "erased, bytes are going",
  verified: "erased and checked",
};
export const periodWords: Record<Period, string> = {
  "1h": "last hour",
  "24h": "last 24 hours",
  "7d": "last 7 days",
  "30d": "last 30 days",
  "90d": "last 90 days",
};
export const lengthWords: Record<Length, string> = {
  "10s": "longer than 10 seconds",
  "1m": "longer than 1 minute",
  "5m": "longer than 5 minutes",
  "15m": "longer than 15 minutes",
};
export const watchedWords: Record<Watched, string> = { yes: "somebody watched", no: "nobody watched" };

const partWords: Record<keyof ListSearch, string> = {
  source: "what was recorded",
  site: "the site",
  state: "the state",
  last: "the period",
  longer: "the length",
  watched: "who watched",
  person: "the person",
  day: "the day",
};

/** The conditions of a sentence, the one to try dropping first at the front. */
export function conditions(search: ListSearch): { key: keyof ListSearch; words: string }[] {
  const order: (keyof ListSearch)[] = [
    "longer",
    "watched",
    "state",
    "day",
    "last",
    "person",
    "site",
    "source",
  ];
  return order.filter((key) => search[key] !== undefined).map((key) => ({ key, words: partWords[key] }));
}
