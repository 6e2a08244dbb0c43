/** What an item of a playlist is called, where it is played, and how an order is changed. */
import type { ItemName, PlaylistItem } from "../../api/coaching";
import { formatClock, formatDate } from "../../lib/format";
import { sourceOf } from "../../lib/recording";

export const itemKey = ({ kind, id }: ItemName): string => `${kind} ${id}`;
/** By which name each line is known: the same clip may stand in a list more than once. */
export function keysOf(items: readonly ItemName[]): string[] {
  const times = new Map<string, number>();
  return items.map((item) => {
    const key = itemKey(item);
    const before = times.get(key) ?? 0;
    times.set(key, before + 1);
    return before === 0 ? key : `${key} ${before + 1}`;
  });
}
export const nameOf = ({ kind, id }: ItemName): ItemName => ({ kind, id });

/** A clip's title; of a whole recording what it is and whom it shows. */
export function itemTitle({ title, recording }: PlaylistItem): string {
  return title ?? `${sourceOf(recording.source).short} of ${recording.subject.label}`;
}

/** How long it plays, in microseconds. */
export function itemLength({ from_ms, to_ms, recording }: PlaylistItem): number {
  return from_ms !== null && to_ms !== null ? (to_ms - from_ms) * 1000 : recording.duration_us;
}

/** Whom it shows, when, and which part of it. */
export function itemLine({ recording, from_ms, to_ms }: PlaylistItem): string {
  const part =
    from_ms !== null && to_ms !== null
      ? `, ${formatClock(from_ms * 1000)} to ${formatClock(to_ms * 1000)}`
      : ", all of it";
  return `${recording.subject.label}, ${formatDate(recording.started_at)}${part}`;
}

/** Where an item is played as a part of its playlist. */
export function itemAddress(item: PlaylistItem, list: string, at: number) {
  return {
    to: "/recordings/$id",
    params: { id: item.recording.id },
    search: { ...(item.kind === "clip" ? { clip: item.id } : {}), list, item: at },
  } as const;
}

/** The same items with one of them at another place. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const taken = items[from];
  if (taken === undefined) return [...items];
  const rest = items.filter((_, n) => n !== from);
  const at = Math.max(0, Math.min(rest.length, to));
  return [...rest.slice(0, at), taken, ...rest.slice(at)];
}

/**
 * The items there are now with one put back that was taken out of those before: behind the one it followed, or the nearest
 * before that which is still there.
 */
export function putBack<T extends ItemName>(now: readonly T[], before: readonly T[], at: number): T[] {
  const item = before[at];
  if (item === undefined) return [...now];
  const keys = keysOf(now);
  const followed = keysOf(before.slice(0, at)).findLast((key) => keys.includes(key));
  const place = followed === undefined ? 0 : keys.indexOf(followed) + 1;
  return [...now.slice(0, place), item, ...now.slice(place)];
}

/** That there are more than one may see. */
export const hiddenWords = (hidden: number): string =>
  hidden === 1 ? "1 more that you may not watch" : `${hidden} more that you may not watch`;
