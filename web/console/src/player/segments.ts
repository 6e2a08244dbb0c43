/** Opened segments: fetched once, kept while there is room, read for what happened in them. */
import { ApiError } from "../api/client";
import type { SegmentItem } from "../api/types";
import { fetchSegment } from "./api";
import { LaneReader, type Mark } from "./lane";

/** How many bytes of opened segments stay in memory; what goes is fetched again when it is needed. */
const ROOM_BYTES = 48 * 1024 * 1024;

export type SegmentState = "opening" | "open" | "damaged" | "erased";

export const keyOf = (track: string, sequence: number): string => `${track}:${sequence}`;

/** What a segment's bytes are, or why there are none. */
export type Opened = { bytes: ArrayBuffer } | { lost: "damaged" | "erased" };

export class Segments {
  readonly states = new Map<string, SegmentState>();
  readonly #play: string;
  readonly #changed: () => void;
  readonly #bytes = new Map<string, ArrayBuffer>();
  readonly #pending = new Map<string, Promise<Opened>>();
  readonly #abort = new AbortController();
  #kept = 0;

  constructor(play: string, changed: () => void) {
    this.#play = play;
    this.#changed = changed;
  }

  /** Opens a segment. Fails only where the whole play cannot go on. */
  open(track: string, sequence: number): Promise<Opened> {
    const key = keyOf(track, sequence);
    const bytes = this.#bytes.get(key);
    if (bytes) {
      this.#bytes.delete(key);
      this.#bytes.set(key, bytes); // the most recently used is the last to go
      return Promise.resolve({ bytes });
    }
    const state = this.states.get(key);
    if (state === "damaged" || state === "erased") return Promise.resolve({ lost: state });
    const pending = this.#pending.get(key) ?? this.#fetch(track, sequence, key);
    this.#pending.set(key, pending);
    return pending;
  }

  close(): void {
    this.#abort.abort();
    this.#bytes.clear();
    this.#pending.clear();
    this.states.clear();
  }

  async #fetch(track: string, sequence: number, key: string): Promise<Opened> {
    if (this.states.get(key) !== "open") this.#set(key, "opening");
    try {
      const bytes = await fetchSegment(this.#play, track, sequence, this.#abort.signal);
      this.#set(key, "open");
      this.#keep(key, bytes);
      return { bytes };
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 422 && error.status !== 410)) {
        this.states.delete(key);
        throw error;
      }
      const lost = error.status === 410 ? "erased" : "damaged";
      this.#set(key, lost);
      return { lost };
    } finally {
      this.#pending.delete(key);
    }
  }

  #set(key: string, state: SegmentState): void {
    this.states.set(key, state);
    this.#changed();
  }

  #keep(key: string, bytes: ArrayBuffer): void {
    this.#bytes.set(key, bytes);
    this.#kept += bytes.byteLength;
    for (const [oldest, held] of this.#bytes) {
      if (this.#kept <= ROOM_BYTES || oldest === key) break;
      this.#bytes.delete(oldest);
      this.#kept -= held.byteLength;
    }
  }
}

/** Reads opened segments for what happened, in order within each keyframe stretch. */
export class Lanes {
  /** Marks by the index of the keyframe their stretch begins with. */
  readonly #stretches = new Map<
    number,
    { reader: LaneReader; next: number; waiting: Map<number, ArrayBuffer> }
  >();
  /** Times at which anything happened, by segment index. */
  readonly #active = new Map<number, number[]>();

  /** Takes a segment; whatever can now be read in order is read. Returns whether anything was. */
  take(keyframe: number, index: number, segments: readonly SegmentItem[], bytes: ArrayBuffer): boolean {
    const stretch = this.#stretches.get(keyframe) ?? {
      reader: new LaneReader(),
      next: keyframe,
      waiting: new Map<number, ArrayBuffer>(),
    };
    this.#stretches.set(keyframe, stretch);
    if (index < stretch.next) return false;
    stretch.waiting.set(index, bytes);
    let read = false;
    for (let ready = stretch.waiting.get(stretch.next); ready; ready = stretch.waiting.get(stretch.next)) {
      const segment = segments[stretch.next];
      if (!segment) break;
      this.#active.set(stretch.next, stretch.reader.read(parse(ready), segment.start_us));
      stretch.waiting.delete(stretch.next);
      stretch.next += 1;
      read = true;
    }
    if (read && segments[stretch.next]?.keyframe) stretch.reader.close();
    return read;
  }

  marks(): Mark[][] {
    return [...this.#stretches.values()].map(({ reader }) => reader.marks.map((mark) => ({ ...mark })));
  }

  /** Whether a segment, by its index, has been read. */
  has(index: number): boolean {
    return this.#active.has(index);
  }

  /** When the visitor did something, in order. */
  acted(): number[] {
    return [...this.#stretches.values()].flatMap(({ reader }) => reader.acted).sort((a, b) => a - b);
  }

  active(): number[] {
    return [...this.#active.entries()].sort(([a], [b]) => a - b).flatMap(([, times]) => times);
  }
}

function parse(bytes: ArrayBuffer): unknown[] {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return Array.isArray(parsed) ? parsed : [];
}
