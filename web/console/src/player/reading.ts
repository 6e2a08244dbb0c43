/** What happened in the segments that are open: the list of events, and when nothing happens. */
import { ApiError } from "../api/client";
import type { Track } from "../api/types";
import { gapAt } from "./gaps";
import { joinMarks } from "./lane";
import { keyframeBefore } from "./seek";
import { keyOf, Lanes, type Segments } from "./segments";
import type { PlayerStore } from "./store";

/** Recordings up to this size are opened whole while they are watched, so that the list of events is complete. */
const WHOLE_BYTES = 24 * 1024 * 1024;

export interface ReadingHooks {
  /** A segment does not open. */
  lost: (track: Track, index: number, reason: "damaged" | "erased") => void;
  failed: (error: unknown) => void;
  /** Whether the picture holds a segment, and has it read. */
  held: (index: number) => boolean;
}

export class Reading {
  readonly #store: PlayerStore;
  readonly #hooks: ReadingHooks;
  #segments: Segments | null = null;
  #lanes = new Lanes();
  #active: number[] = [];
  #backfilling = false;

  constructor(store: PlayerStore, hooks: ReadingHooks) {
    this.#store = store;
    this.#hooks = hooks;
  }

  /** When anything happened in the track that is shown, as far as it is read, in milliseconds. */
  get active(): readonly number[] {
    return this.#active;
  }

  begin(segments: Segments): void {
    this.#segments = segments;
    this.forget();
  }

  end(): void {
    this.#segments = null;
    this.forget();
  }

  /** Another track is shown, or nothing. */
  forget(): void {
    this.#lanes = new Lanes();
    this.#active = [];
  }

  read(track: Track, index: number, bytes: ArrayBuffer): void {
    const keyframe = keyframeBefore(track.segments, index);
    if (keyframe === -1) return;
    // Reading is for the list beside the picture: the picture goes first.
    setTimeout(() => {
      if (this.#store.track?.id !== track.id || !this.#segments) return;
      if (!this.#lanes.take(keyframe, index, track.segments, bytes)) return;
      this.#active = this.#lanes.active();
      this.#store.set({ marks: joinMarks(this.#lanes.marks()) });
    }, 0);
  }

  /** Opens the rest of a small recording, one by one, so that the list of events and the lanes are whole. */
  async backfill(): Promise<void> {
    const { track } = this.#store;
    const segments = this.#segments;
    if (this.#backfilling || !track || !segments || this.#store.recording.size_bytes > WHOLE_BYTES) return;
    this.#backfilling = true;
    try {
      for (const [index, segment] of track.segments.entries()) {
        if (this.#segments !== segments || this.#store.track?.id !== track.id) return;
        const state = segments.states.get(keyOf(track.id, segment.sequence));
        if (state === "open" && this.#hooks.held(index)) continue;
        const result = await segments.open(track.id, segment.sequence);
        if ("bytes" in result) this.read(track, index, result.bytes);
        else if (!gapAt(this.#store.gaps, segment.start_us)) this.#hooks.lost(track, index, result.lost);
      }
    } catch (error) {
      if (error instanceof ApiError) this.#hooks.failed(error);
      // A line that broke is noticed, and told, where the picture needs it.
    } finally {
      this.#backfilling = false;
    }
  }
}
