/** The waveform: opened sound is decoded by the browser beside the page, and only how loud it is stays. */
import { ApiError } from "../../api/client";
import type { Track } from "../../api/types";
import { keyOf, type Segments } from "../segments";
import type { PlayerStore } from "../store";
import { type Peaks, peaksOf } from "./peaks";

/** Sound up to this size is opened whole while it is listened to, so that its waveform is complete. */
const WHOLE_BYTES = 24 * 1024 * 1024;
/** Enough to see how loud it is, and a sixth of the work. */
const RATE = 8_000;
const STEP_MS = 50;
const SHOW_EVERY_MS = 250;

export class Sound {
  readonly #store: PlayerStore;
  readonly #failed: (error: unknown) => void;
  #segments: Segments | null = null;
  readonly #heard = new Map<string, Peaks>();
  #reading = false;
  #showing: ReturnType<typeof setTimeout> | undefined;

  constructor(store: PlayerStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  begin(segments: Segments): void {
    this.end();
    this.#segments = segments;
  }

  end(): void {
    this.#segments = null;
    this.#heard.clear();
    clearTimeout(this.#showing);
    this.#showing = undefined;
  }

  /** Decodes what is not decoded yet, one after the other; all of it where that is little, else what is open. */
  async read(): Promise<void> {
    const segments = this.#segments;
    if (this.#reading || !segments || !this.#store.state.sound) return;
    this.#reading = true;
    try {
      for (let next = this.#next(segments); next; next = this.#next(segments)) {
        await this.#take(segments, ...next);
        if (this.#segments !== segments || !this.#store.state.sound) return;
        this.#showing ??= setTimeout(() => this.#show(), SHOW_EVERY_MS);
      }
    } catch (error) {
      if (this.#segments === segments && error instanceof ApiError) this.#failed(error);
      // A line that broke, or a seek that gave up what was on its way: it is asked for again.
    } finally {
      this.#reading = false;
    }
  }

  async #take(segments: Segments, track: Track, index: number): Promise<void> {
    const segment = track.segments[index];
    if (!segment) return;
    const opened = await segments.open(track.id, segment.sequence);
    const highest = "bytes" in opened ? await decoded(opened.bytes) : [];
    const peaks: Peaks = { atMs: segment.start_us / 1000, stepMs: STEP_MS, highest };
    if (this.#segments === segments) this.#heard.set(keyOf(track.id, segment.sequence), peaks);
  }

  #next(segments: Segments): [Track, number] | null {
    const tracks = this.#store.recording.tracks.filter(({ kind }) => kind === "audio");
    const bytes = tracks
      .flatMap((track) => track.segments)
      .reduce((sum, { size_bytes }) => sum + size_bytes, 0);
    let best: [Track, number] | null = null;
    let nearest = Number.POSITIVE_INFINITY;
    for (const track of tracks) {
      for (const [index, { sequence, start_us }] of track.segments.entries()) {
        const key = keyOf(track.id, sequence);
        const away = Math.abs(start_us / 1000 - this.#store.state.atMs);
        if (this.#heard.has(key) || away >= nearest) continue;
        if (bytes > WHOLE_BYTES && segments.states.get(key) !== "open") continue;
        [best, nearest] = [[track, index], away];
      }
    }
    return best;
  }

  #show(): void {
    this.#showing = undefined;
    this.#store.set({ peaks: [...this.#heard.values()] });
  }
}

/** How loud a file is, step by step. A file the browser has no decoder for, or that holds nothing, is as loud as nothing. */
async function decoded(bytes: ArrayBuffer): Promise<number[]> {
  if (bytes.byteLength === 0) return [];
  const context = new OfflineAudioContext(1, 1, RATE);
  try {
    // Decoding takes the bytes away from whoever has them.
    const sound = await context.decodeAudioData(bytes.slice(0));
    return peaksOf(sound.getChannelData(0), sound.sampleRate, STEP_MS);
  } catch (error) {
    if (error instanceof DOMException && error.name === "EncodingError") return [];
    throw error;
  }
}
