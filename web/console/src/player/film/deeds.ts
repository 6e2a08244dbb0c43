/** What somebody did, as far as it is opened: the list of events, and when nobody did anything. */
import { ApiError } from "../../api/client";
import type { Track } from "../../api/types";
import type { Mark } from "../lane";
import { Segments } from "../segments";
import type { PlayerStore } from "../store";
import { readActions, type Told } from "./actions";

const AT_ONCE = 4;
/** The list is drawn anew at most this often while it fills. */
const SHOW_EVERY_MS = 250;

export class Deeds {
  readonly #store: PlayerStore;
  readonly #failed: (error: unknown) => void;
  /** Its own, as the timeline says what is open of the picture. */
  #segments: Segments | null = null;
  readonly #told = new Map<string, Told>();
  #reading = false;
  #showing: ReturnType<typeof setTimeout> | undefined;

  constructor(store: PlayerStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  begin(play: string): void {
    this.end();
    this.#segments = new Segments(play, () => undefined);
  }

  end(): void {
    this.#segments?.close();
    this.#segments = null;
    this.#told.clear();
    clearTimeout(this.#showing);
    this.#showing = undefined;
  }

  /** Until when nobody does anything, if that is so at a moment; else null. Milliseconds. */
  idleUntil(atMs: number): number | null {
    for (const { idle } of this.#told.values()) {
      const span = idle.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);
      if (span) return span.toMs;
    }
    return null;
  }

  /** Reads what is not read yet: what lies nearest to the playhead first. */
  async read(): Promise<void> {
    const segments = this.#segments;
    if (this.#reading || !segments) return;
    this.#reading = true;
    try {
      for (let next = this.#next(); next.length > 0; next = this.#next()) {
        await Promise.all(next.map(([track, sequence]) => this.#take(segments, track.id, sequence)));
        if (this.#segments !== segments) return;
        this.#showing ??= setTimeout(() => this.#show(), SHOW_EVERY_MS);
      }
    } catch (error) {
      if (this.#segments === segments && error instanceof ApiError) this.#failed(error);
      // A line that broke is noticed, and told, where the picture needs it; what is missing is asked for again.
    } finally {
      this.#reading = false;
    }
  }

  async #take(segments: Segments, track: string, sequence: number): Promise<void> {
    const opened = await segments.open(track, sequence);
    const told = "bytes" in opened ? readActions(opened.bytes) : { marks: [], idle: [] };
    if (this.#segments === segments) this.#told.set(`${track}:${sequence}`, told);
  }

  #next(): [Track, number][] {
    const { recording, state } = this.#store;
    const waiting = recording.tracks
      .filter(({ kind }) => kind === "actions")
      .flatMap((track) => track.segments.map((segment) => ({ track, segment })))
      .filter(({ track, segment }) => !this.#told.has(`${track.id}:${segment.sequence}`));
    const away = (at: number) => Math.abs(at / 1000 - state.atMs);
    waiting.sort((a, b) => away(a.segment.start_us) - away(b.segment.start_us));
    return waiting.slice(0, AT_ONCE).map(({ track, segment }) => [track, segment.sequence]);
  }

  #show(): void {
    this.#showing = undefined;
    this.#store.set({ marks: inOrder([...this.#told.values()].map(({ marks }) => marks)) });
  }
}

/** Marks in order; a page that is told twice in a row is said once. */
export function inOrder(lists: readonly (readonly Mark[])[]): Mark[] {
  const all = lists.flat().sort((a, b) => a.atMs - b.atMs);
  let page = "";
  return all.filter((mark) => {
    if (mark.kind !== "page") return true;
    const again = mark.object === page;
    page = mark.object;
    return !again;
  });
}
