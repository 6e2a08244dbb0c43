/** What is left of a time, as windows. */
import type { PaneState } from "../components/Panes";

const PANES = 9;
const SOON_MS = 14 * 86_400_000;

/** Nine panes of the time from `from` to `until`: what is left of it, and what has passed. All of it without an end. */
export function leftPanes(from: string, until: string | null, now: Date): PaneState[] {
  const [begin, end] = [Date.parse(from), until === null ? null : Date.parse(until)];
  if (end === null || end <= begin) return Array.from({ length: PANES }, () => "a3");
  const share = Math.max(0, Math.min(1, (end - now.getTime()) / (end - begin)));
  const left = Math.ceil(share * PANES);
  const soon = end - now.getTime() < SOON_MS;
  return Array.from({ length: PANES }, (_, n) => (n < left ? (soon ? "copper" : "a3") : "none"));
}
