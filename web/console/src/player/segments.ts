/** Opened segments: fetched once, kept while there is room, read for what happened in them. */
import { ApiError } from "../api/client";
import type { SegmentItem } from "../api/types";
import { type Content, fetchSegment } from "./api";
import { LaneReader, type Mark } from "./lane";

/** How many bytes of opened segments stay in memory; what goes is fetched again when it is needed. */
const ROOM_BYTES = 48 * 1024 * 1024;

export type SegmentState = "opening" | "open" | "damaged" | "erased";

export const keyOf = (track: string, sequence: number): string => `${track}:${sequence}`;

/** What a segment holds, or why it holds nothing any more. */
export type Opened = Content | { lost: "damaged" | "erased" };

export class Segments {
  readonly states = new Map<string, SegmentState>();
  readonly #play: string;
  readonly #changed: () => void;
  readonly #held = new Map<string, Content>();
  readonly #pending = new Map<string, { opened: Promise<Opened>; abort: AbortController }>();
  #kept = 0;

  constructor(play: string, changed: () => void) {
    this.#play = play;
    this.#changed = changed;
  }

  /** Opens a segment. Fails only where the whole play cannot go on. */
  open(track: string, sequence: number): Promise<Opened> {
    const key = keyOf(track, sequence);
    const held = this.#held.get(key);
    if (held) {
      this.#held.delete(key);
      this.#held.set(key, held); // the most recently used is the last to go
      return Promise.resolve(held);
    }
    const state = this.states.get(key);
    if (state === "damaged" || state === "erased") return Promise.resolve({ lost: state });
    const pending = this.#pending.get(key);
    if (pending) return pending.opened;
    const abort = new AbortController();
    const opened = this.#fetch(track, sequence, key, abort.signal);
    this.#pending.set(key, { opened, abort });
    return opened;
  }

  /** Gives up what is on its way of some tracks, but for what is still wanted. Whoever waits for it hears of an abort. */
  giveUp(tracks: ReadonlySet<string>, wanted: ReadonlySet<string>): void {
    for (const [key, { abort }] of this.#pending) {
      if (!tracks.has(key.slice(0, key.lastIndexOf(":"))) || wanted.has(key)) continue;
      this.#pending.delete(key);
      abort.abort();
    }
  }

  close(): void {
    for (const { abort } of this.#pending.values()) abort.abort();
    this.#held.clear();
    this.#pending.clear();
    this.states.clear();
  }

  async #fetch(track: string, sequence: number, key: string, signal: AbortSignal): Promise<Opened> {
    if (this.states.get(key) !== "open") this.#set(key, "opening");
    try {
      const content = await fetchSegment(this.#play, track, sequence, signal);
      this.#set(key, "open");
      this.#keep(key, content);
      return content;
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 422 && error.status !== 410)) {
        this.states.delete(key);
        throw error;
      }
      const lost = error.status === 410 ? "erased" : "damaged";
      this.#set(key, lost);
      return { lost };
    } finally {
      // One that was given up may have been asked for again meanwhile.
      if (this.#pending.get(key)?.abort.signal === signal) this.#pending.delete(key);
    }
  }

  #set(key: string, state: SegmentState): void {
    this.states.set(key, state);
    this.#changed();
  }

  #keep(key: string, content: Content): void {
    this.#held.set(key, content);
    this.#kept += content.bytes.byteLength;
    for (const [oldest, { bytes }] of this.#held) {
      if (this.#kept <= ROOM_BYTES || oldest === key) break;
      this.#held.delete(oldest);
      this.#kept -= bytes.byteLength;
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
