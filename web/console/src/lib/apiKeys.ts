/** API keys in words: what one may do, and how long it still works. */
import type { KeyItem } from "../api/keys";
import { actionWords } from "./auditFilter";
import { timeLeft } from "./format";

/** For how many days a key can be made; the first is offered. */
export const LASTS = [
  { days: 90, words: "90 days" },
  { days: 30, words: "30 days" },
  { days: 180, words: "180 days" },
  { days: 366, words: "a year" },
] as const;

const scopes: Record<string, string> = {
  "recording.list": "list recordings, with titles and who watched",
  "recording.read": "read the facts of a recording; nothing of its content",
  "audit.read": "read the audit log",
  "site.list": "list sites and their set-up",
  "health.read": "read the health of the installation",
};

/** What a scope lets a program do. One this console does not know keeps the action's own words. */
export function scopeWords(scope: string): string {
  return scopes[scope] ?? actionWords(scope);
}

export type KeyEnd = "ended" | "soon" | "later";

/** Whether a key has ended, or ends within two weeks. */
export function keyEnd(key: Pick<KeyItem, "expires_at">, now: Date): KeyEnd {
  if (Date.parse(key.expires_at) <= now.getTime()) return "ended";
  return timeLeft(key.expires_at, now).soon ? "soon" : "later";
}

/** Those that end soonest first, those that have ended last. */
export function byEnd(keys: readonly KeyItem[], now: Date): KeyItem[] {
  const rank = (key: KeyItem) => (keyEnd(key, now) === "ended" ? 1 : 0);
  return [...keys].sort(
    (a, b) => rank(a) - rank(b) || Date.parse(a.expires_at) - Date.parse(b.expires_at) || 0,
  );
}
