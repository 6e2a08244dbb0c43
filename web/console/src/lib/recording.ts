/** What a row of the list says about a recording. */
import type { Recording, RecordingItem } from "../api/types";
import type { IconName } from "../components/Icon";
import { wentOnInto } from "./filters";
import { formatDate, formatSpan, formatTime, plural } from "./format";

/** The path of an address without its host: `/checkout/payment`. The whole text where it is no address. */
export function pathOf(url: string): string {
  try {
    return new URL(url).pathname;
  } catch {
    return url;
  }
}

/** Where a page is, whatever its site: its host and its path. The whole text where it is no such address. */
export function placeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return protocol === "http:" || protocol === "https:" ? `${host}${pathname === "/" ? "" : pathname}` : url;
  } catch {
    return url;
  }
}

/** Whether it is erased, or about to be: nobody opens it any more. */
export function isErased(recording: Pick<RecordingItem, "state">): boolean {
  return ["purge_queued", "shredded", "verified"].includes(recording.state);
}

/** Whether it lies in the recycle bin, where most do not see it any more. */
export function isDeleted(recording: Pick<RecordingItem, "state">): boolean {
  return recording.state === "soft_deleted";
}

export interface Source {
  icon: IconName;
  short: string;
  long: string;
}

const SOURCES: Record<string, Source> = {
  web: { icon: "web", short: "Web session", long: "Recorded on a site" },
  screen: { icon: "screen", short: "Screen", long: "A screen, recorded by a browser" },
};

/** What it was recorded by. One this console does not know is called what the server calls it. */
export const sourceOf = (source: string): Source =>
  SOURCES[source] ?? { icon: "doc", short: source, long: source };

/** Where it was recorded: the site, or what else it is of. */
export function placeName({ site, source }: Pick<RecordingItem, "site" | "source">): string {
  return site?.name ?? (source === "web" ? "Imported" : sourceOf(source).short);
}

/** Whether anything can be heard of it. */
export const hasSound = ({ tracks }: Pick<Recording, "tracks">): boolean =>
  tracks.some(({ kind, segments }) => kind === "audio" && segments.length > 0);

/** The second line of a row: where, on which page, how much of it. */
export function whereLine(item: Pick<RecordingItem, "site" | "source" | "summary">): string {
  const parts: string[] = [placeName(item)];
  if (item.summary?.url)
    parts.push(item.source === "screen" ? placeOf(item.summary.url) : pathOf(item.summary.url));
  if (item.summary && item.summary.pages > 0) parts.push(plural(item.summary.pages, "page"));
  return parts.join(", ");
}

/**
 * The second line of a row in the list of one day, or of any where that is null: of what went on from the day before it says
 * first when it began, as its time of day alone would be taken for one of that day.
 */
export function dayLine(
  item: Pick<RecordingItem, "site" | "source" | "summary" | "started_at">,
  day: string | null,
): string {
  if (day === null || !wentOnInto(day, item.started_at)) return whereLine(item);
  return `Began on ${formatDate(item.started_at)}, ${formatTime(item.started_at)}; ${whereLine(item)}`;
}

/** A row of panes as a sentence. */
export function panesSentence(
  item: Pick<RecordingItem, "duration_us" | "segments" | "panes" | "live">,
): string {
  const parts = [`${formatSpan(item.duration_us)} captured, in ${plural(item.segments, "segment")}`];
  const gaps = runs(item.panes, "gap");
  const cuts = runs(item.panes, "cut");
  if (gaps > 0) parts.push(plural(gaps, "gap"));
  if (cuts > 0) parts.push(`${plural(cuts, "part")} taken out`);
  if (item.live) parts.push("still going on");
  return `${parts.join(", ")}.`;
}

/** How many unbroken runs of one state a row has. */
export function runs<T>(states: readonly T[], wanted: T): number {
  let found = 0;
  let before: T | undefined;
  for (const state of states) {
    if (state === wanted && before !== wanted) found += 1;
    before = state;
  }
  return found;
}

/** The row a key moves to: within the list, and onto its first row where none is chosen. */
export function step(current: number, by: 1 | -1, length: number): number {
  if (length === 0) return -1;
  if (current < 0) return by === 1 ? 0 : length - 1;
  return Math.min(length - 1, Math.max(0, current + by));
}

/** Takes what is newer from `fresh` and keeps the order of `items`: rows change in place and never jump. */
export function refreshed(items: readonly RecordingItem[], fresh: readonly RecordingItem[]): RecordingItem[] {
  const byId = new Map(fresh.map((item) => [item.id, item]));
  return items.map((item) => byId.get(item.id) ?? item);
}

/** Pages of one list as one list: a row that moved between two answers is shown once. */
export function joined(pages: readonly (readonly RecordingItem[])[]): RecordingItem[] {
  const seen = new Set<string>();
  return pages.flat().filter((item) => {
    if (seen.has(item.id)) return false;
    seen.add(item.id);
    return true;
  });
}
