/** What happened in the segments that are open: the list of events, and when nothing happens. */
import { ApiError } from "../api/client";
import type { Track } from "../api/types";
import { gapAt } from "./gaps";
import { joinMarks, type Mark } from "./lane";
import { keyframeBefore } from "./seek";
import { keyOf, Lanes, type Segments } from "./segments";
import type { PlayerStore } from "./store";
import { type Signs, tabsOf } from "./tabs";

/** Recordings up to this size are opened whole while they are watched, so that the list of events is complete. */
const WHOLE_BYTES = 24 * 1024 * 1024;

export interface ReadingHooks {
  /** A segment does not open. */
  lost: (track: Track, index: number, reason: "damaged" | "erased") => void;
  failed: (error: unknown) => void;
  /** Whether the picture holds a segment of the track that is shown, and has it read. */
  held: (index: number) => boolean;
  /** Everything that is opened by itself has been read. */
  done: () => void;
}

/** What is read of one track. */
interface Found {
  lanes: Lanes;
  marks: readonly Mark[];
  active: readonly number[];
  acted: readonly number[];
}

const nothing = (): Found => ({ lanes: new Lanes(), marks: [], active: [], acted: [] });

export class Reading {
  readonly #store: PlayerStore;
  readonly #hooks: ReadingHooks;
  #segments: Segments | null = null;
  readonly #found = new Map<string, Found>();
  #active: readonly number[] = [];
  #backfilling = false;

  constructor(store: PlayerStore, hooks: ReadingHooks) {
    this.#store = store;
    this.#hooks = hooks;
  }

  /** When anything happened in what is watched, one tab or all, as far as it is read, in milliseconds. */
  get active(): readonly number[] {
    const { tab, trackId } = this.#store.state;
    return tab === "chosen" ? (this.#found.get(trackId ?? "")?.active ?? []) : this.#active;
  }

  /** What is known of where the visitor was. */
  signs = (track: Track): Signs => {
    const found = this.#found.get(track.id);
    return { acted: found?.acted ?? [], read: (index) => found?.lanes.has(index) ?? false };
  };

  begin(segments: Segments): void {
    this.end();
    this.#segments = segments;
  }

  end(): void {
    this.#segments = null;
    this.#found.clear();
    this.#active = [];
  }

  /** Reads for the list beside the picture: the picture goes first. */
  read(track: Track, index: number, bytes: ArrayBuffer): void {
    const segments = this.#segments;
    setTimeout(() => {
      if (segments !== null && this.#segments === segments) this.#take(track, index, bytes);
    }, 0);
  }

  #take(track: Track, index: number, bytes: ArrayBuffer): void {
    const keyframe = keyframeBefore(track.segments, index);
    if (keyframe === -1) return;
    const found = this.#found.get(track.id) ?? nothing();
    this.#found.set(track.id, found);
    if (!found.lanes.take(keyframe, index, track.segments, bytes)) return;
    found.marks = joinMarks(found.lanes.marks()).map((mark) => ({ ...mark, track: track.id }));
    found.active = found.lanes.active();
    found.acted = found.lanes.acted();
    const all = [...this.#found.values()];
    this.#active =
      all.length === 1 ? found.active : all.flatMap(({ active }) => active).sort((a, b) => a - b);
    this.#store.set({ marks: all.flatMap(({ marks }) => marks).sort((a, b) => a.atMs - b.atMs) });
  }

  /**
   * Reads a track up to one of its segments, from the keyframe before it. Returns the first moment somebody did
   * something in that segment, or when the track begins.
   */
  async glance(trackId: string, sequence: number): Promise<number | null> {
    const track = this.#store.recording.tracks.find(({ id }) => id === trackId);
    const index = track?.segments.findIndex((segment) => segment.sequence === sequence) ?? -1;
    const segments = this.#segments;
    const [segment, first] = [track?.segments[index], track?.segments[0]];
    if (!track || !segment || !first || !segments) return null;
    for (let at = Math.max(0, keyframeBefore(track.segments, index)); at <= index; at += 1) {
      const next = track.segments[at];
      if (!next || this.#found.get(trackId)?.lanes.has(at)) continue;
      const result = await segments.open(trackId, next.sequence);
      if (this.#segments !== segments || "lost" in result) return null;
      this.#take(track, at, result.bytes);
    }
    const { acted } = this.signs(track);
    return acted.find((ms) => ms >= segment.start_us / 1000) ?? first.start_us / 1000;
  }

  /** Opens the rest of a small recording, one by one, so that the list of events and the lanes are whole. */
  async backfill(): Promise<void> {
    const segments = this.#segments;
    const { track: shown, recording } = this.#store;
    if (this.#backfilling || !segments || recording.size_bytes > WHOLE_BYTES) return;
    this.#backfilling = true;
    try {
      const others = tabsOf(recording.tracks).filter(({ id }) => id !== shown?.id);
      for (const track of shown ? [shown, ...others] : others) await this.#whole(track, segments);
      if (this.#segments === segments) setTimeout(this.#hooks.done, 0);
    } catch (error) {
      if (error instanceof ApiError) this.#hooks.failed(error);
      // A line that broke is noticed, and told, where the picture needs it.
    } finally {
      this.#backfilling = false;
    }
  }

  async #whole(track: Track, segments: Segments): Promise<void> {
    for (const [index, segment] of track.segments.entries()) {
      if (this.#segments !== segments) return;
      if (this.#found.get(track.id)?.lanes.has(index)) continue;
      const open = segments.states.get(keyOf(track.id, segment.sequence)) === "open";
      if (open && track.id === this.#store.track?.id && this.#hooks.held(index)) continue;
      const result = await segments.open(track.id, segment.sequence);
      if ("bytes" in result) this.read(track, index, result.bytes);
      else if (!gapAt(track.gaps, segment.start_us)) this.#hooks.lost(track, index, result.lost);
    }
  }
}
