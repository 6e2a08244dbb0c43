/** Turns the events of a preview into what the player page is sent: a picture to load, then what follows it. */
import type { PreviewEvent } from "./preview";

export interface Batch {
  sequence: number;
  start_us: number;
  events: readonly PreviewEvent[];
}

/** What was already sent: of which picture, and how many of its events. */
export interface Sent {
  picture: number;
  count: number;
}

export type Step =
  | { kind: "none" }
  | { kind: "load"; batch: Batch; at_ms: number; sent: Sent }
  | { kind: "append"; batch: Batch; at_ms: number; sent: Sent };

/** Times in a preview are taken from the first event of the picture; the last moment is the one to show. */
export function nextStep(sent: Sent | null, picture: number, events: readonly PreviewEvent[]): Step {
  const first = events[0];
  if (!first) return { kind: "none" };
  const base = Math.min(...events.map((event) => event.timestamp));
  const at_ms = Math.max(...events.map((event) => event.timestamp)) - base + 1;
  if (sent === null || sent.picture !== picture) {
    const batch = { sequence: 0, start_us: 0, events };
    return { kind: "load", batch, at_ms, sent: { picture, count: events.length } };
  }
  const fresh = events.slice(sent.count);
  if (fresh.length === 0) return { kind: "none" };
  const from = Math.min(...fresh.map((event) => event.timestamp)) - base;
  const batch = { sequence: sent.count, start_us: Math.round(from * 1000), events: fresh };
  return { kind: "append", batch, at_ms, sent: { picture, count: events.length } };
}
