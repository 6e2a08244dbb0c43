/** What the action log knows: what was done, never what was typed or copied. */

export interface Target {
  readonly role: string;
  readonly name: string;
  readonly tag: string;
}

/** What a page tells of itself and of what is done in it. */
export type PageEntry =
  /** Of the page that was navigated to last. */
  | { readonly kind: "title"; readonly title: string }
  | { readonly kind: "click"; readonly target: Target; readonly x: number; readonly y: number }
  | { readonly kind: "submit"; readonly target: Target }
  | { readonly kind: "copy" | "cut" | "paste"; readonly length: number }
  | { readonly kind: "scroll"; readonly depth: number }
  | { readonly kind: "keys"; readonly count: number; readonly ms: number }
  | { readonly kind: "idle"; readonly ms: number };

export interface PlaceEntry {
  readonly t: number;
  readonly kind: "navigate" | "tab";
  readonly tab: number;
  readonly url: string;
  /** Known a little later than the rest. */
  title: string;
}

export type Entry =
  | ({ readonly t: number } & Exclude<PageEntry, { readonly kind: "title" }>)
  | PlaceEntry
  /** Why the person paused, in their own words. */
  | { readonly t: number; readonly kind: "pause"; readonly reason: string }
  | { readonly t: number; readonly kind: "gap"; readonly to: number; readonly reason: string };

const MAX_TEXT = 200;

/** At most 200 characters, none that control or turn the direction of others, runs of white space as one space. */
export const shortText = (text: string): string =>
  [
    ...text
      .replace(/[\s\p{Cc}]+/gu, " ")
      .replace(/[\ud800-\udfff\p{Bidi_Control}]/gu, "")
      .trim(),
  ]
    .slice(0, MAX_TEXT)
    .join("");

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const text = (value: unknown): string => (typeof value === "string" ? shortText(value) : "");
const count = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.max(0, Math.round(value)) : 0;
const share = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value)
    ? Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000
    : 0;

function target(value: unknown): Target {
  const { role, name, tag } = isFields(value) ? value : {};
  return { role: text(role), name: text(name), tag: text(tag) };
}

/**
 * Reads an entry a page sent, building it anew from what is known; `null` where it is none. The page's script is ours,
 * but what it was made to say is the page's.
 */
export function readPageEntry(value: unknown, t: number): Entry | null {
  if (!isFields(value)) return null;
  switch (value.kind) {
    case "click":
      return { t, kind: "click", target: target(value.target), x: share(value.x), y: share(value.y) };
    case "submit":
      return { t, kind: "submit", target: target(value.target) };
    case "copy":
    case "cut":
    case "paste":
      return { t, kind: value.kind, length: count(value.length) };
    case "scroll":
      return { t, kind: "scroll", depth: share(value.depth) };
    case "keys":
      return { t, kind: "keys", count: count(value.count), ms: count(value.ms) };
    case "idle":
      return { t, kind: "idle", ms: count(value.ms) };
    default:
      return null;
  }
}
