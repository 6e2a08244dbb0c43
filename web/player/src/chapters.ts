/**
 * Cuts a track's events into chapters: stretches that begin with a full snapshot and can be drawn alone.
 *
 * Only a chapter's own events are ever in memory of the drawing engine, so a recording of hours takes no more
 * than one of minutes.
 */
import type { InertEvent } from "./inert.ts";

export interface Chapter {
  /** When the snapshot stands, in recording time. Nothing of the chapter can be shown before. */
  readonly startMs: number;
  /** Viewport, snapshot, then increments in ascending time. */
  readonly events: InertEvent[];
}

const FULL_SNAPSHOT = 2;
const INCREMENTAL = 3;
const META = 4;
const VIEWPORT_RESIZE = 4;

export const isSnapshot = (event: InertEvent): boolean => event.type === FULL_SNAPSHOT;

/** The viewport an event sets, or null. */
export function viewportOf(event: InertEvent): { width: number; height: number } | null {
  const resize = event.type === META || (event.type === INCREMENTAL && event.data.source === VIEWPORT_RESIZE);
  const { width, height } = event.data;
  return resize && typeof width === "number" && typeof height === "number" ? { width, height } : null;
}

const asResize = (event: InertEvent): InertEvent =>
  event.type === META
    ? { ...event, type: INCREMENTAL, data: { ...event.data, href: undefined, source: VIEWPORT_RESIZE } }
    : event;

/** Collects events in order and keeps the chapters they make. */
export class Chapters {
  readonly list: Chapter[] = [];
  #viewport = { width: 1280, height: 800 };

  /**
   * Takes events that follow those taken before.
   *
   * Returns the events that lengthened the chapter which was last before, so that a running engine can be told.
   * Events before the first snapshot are left out: there is nothing to apply them to.
   */
  take(events: readonly InertEvent[]): { lengthened: InertEvent[] } {
    const open = this.list.at(-1);
    const lengthened: InertEvent[] = [];
    for (const event of [...events].sort((a, b) => a.timestamp - b.timestamp)) {
      this.#viewport = viewportOf(event) ?? this.#viewport;
      if (isSnapshot(event)) {
        const viewport = {
          type: META,
          timestamp: event.timestamp,
          data: { href: "about:blank", ...this.#viewport },
        };
        this.list.push({ startMs: event.timestamp, events: [viewport, event] });
        continue;
      }
      const last = this.list.at(-1);
      if (last === undefined) continue;
      last.events.push(asResize(event));
      if (last === open) lengthened.push(asResize(event));
    }
    return { lengthened };
  }

  /** Index of the chapter that shows a moment, or -1 where none begins by then. */
  at(ms: number): number {
    return this.list.findLastIndex((chapter) => chapter.startMs <= ms);
  }

  /** Lets go of what is further away than one chapter on either side. Returns how many were dropped in front. */
  keepAround(index: number): number {
    const drop = Math.max(0, index - 1);
    this.list.splice(0, drop);
    return drop;
  }
}
