/** What addresses may carry besides the path. Anything else in them is dropped, never trusted. */
import * as v from "valibot";

/** A place in this console: one slash, never a host. Everything else leads nowhere. */
export function safePlace(text: unknown): string | undefined {
  if (typeof text !== "string" || !/^\/(?![/\\])/.test(text)) return undefined;
  try {
    const url = new URL(text, "https://here.invalid");
    return url.origin === "https://here.invalid" ? url.pathname + url.search + url.hash : undefined;
  } catch {
    return undefined;
  }
}

export function parseSignInSearch(raw: Record<string, unknown>): { next?: string } {
  const next = safePlace(raw.next);
  return next === undefined ? {} : { next };
}

const Milliseconds = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number))]),
  v.integer(),
  v.minValue(0),
);

const SIDES = ["comments", "clips"] as const;

export interface PlayerSearch {
  /** The moment, in milliseconds from the start. */
  t?: number;
  follow?: boolean;
  /** What stands beside the picture; without it the events. */
  side?: (typeof SIDES)[number];
  /** The clip that is played alone. */
  clip?: string;
  /** The playlist it is played from, and which of its items this is, from 0. */
  list?: string;
  item?: number;
}

const Id = v.pipe(v.string(), v.regex(/^[a-z]{3}_[0-9a-z]{32}$/));

export function parsePlayerSearch(raw: Record<string, unknown>): PlayerSearch {
  const found: PlayerSearch = {};
  const t = v.safeParse(Milliseconds, raw.t);
  if (t.success) found.t = t.output;
  if (raw.follow === true || raw.follow === 1) found.follow = true;
  const side = v.safeParse(v.picklist(SIDES), raw.side);
  if (side.success) found.side = side.output;
  const clip = v.safeParse(Id, raw.clip);
  if (clip.success) found.clip = clip.output;
  const list = v.safeParse(Id, raw.list);
  const item = v.safeParse(Milliseconds, raw.item);
  if (list.success && item.success) {
    found.list = list.output;
    found.item = item.output;
  }
  return found;
}

export interface ReceiptsSearch {
  /** The erasure that stands open, by its own id or by that of what it erased. */
  of?: string;
  /** Whom the erased recording was about: it may have gone with everything else about them. */
  about?: string;
}

export function parseReceiptsSearch(raw: Record<string, unknown>): ReceiptsSearch {
  const of = v.safeParse(Id, raw.of);
  const about = v.safeParse(Id, raw.about);
  return { ...(of.success ? { of: of.output } : {}), ...(about.success ? { about: about.output } : {}) };
}

/** The request that stands open. */
export function parseRequestsSearch(raw: Record<string, unknown>): { open?: string } {
  const open = v.safeParse(Id, raw.open);
  return open.success ? { open: open.output } : {};
}

/** What of the review queue is shown: what waits, or what was looked at. */
export function parseReviewsSearch(raw: Record<string, unknown>): { state?: "done" } {
  return raw.state === "done" ? { state: "done" } : {};
}

/** The deleted recording that stands open. */
export function parseBinSearch(raw: Record<string, unknown>): { open?: string } {
  const open = v.safeParse(Id, raw.open);
  return open.success ? { open: open.output } : {};
}

export interface HoldsSearch {
  /** What a hold is to be proposed of: a recording or a site. */
  of?: string;
  /** Whom it is about. */
  about?: string;
}

export function parseHoldsSearch(raw: Record<string, unknown>): HoldsSearch {
  return parseReceiptsSearch(raw);
}

const Place = v.pipe(v.string(), v.regex(/^(dom|prj)_[0-9a-z]{32}$/));

/** The domain or project whose times are shown. */
export function parseRetentionSearch(raw: Record<string, unknown>): { at?: string } {
  const at = v.safeParse(Place, raw.at);
  return at.success ? { at: at.output } : {};
}

const SettingName = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_.]{0,99}$/));

/** The rule that stands open. */
export function parseRulesSearch(raw: Record<string, unknown>): { open?: string } {
  const open = v.safeParse(SettingName, raw.open);
  return open.success ? { open: open.output } : {};
}

/** The path of the page shown in the policy editor. */
export function parsePolicySearch(raw: Record<string, unknown>): { page?: string } {
  const page = safePlace(raw.page);
  return page === undefined ? {} : { page };
}
