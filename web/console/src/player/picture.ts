/**
 * What is shown of a recording and how it moves: one kind for recorded documents (`replay.ts`), one for video and
 * sound (`film/film.ts`). Whoever watches, follows or steps knows only this.
 *
 * Times are recording time in milliseconds unless a name says `Us`.
 */
import type { Gap, Track } from "../api/types";
import { withLost } from "./grow";
import type { Looks } from "./looks";
import type { PlayerStore } from "./store";

const GAP_CARD_MS = 2_000;
/** Whoever goes to the last seconds of something that goes on, follows it. */
const NEAR_EDGE_MS = 8_000;

export abstract class Picture {
  protected readonly store: PlayerStore;
  protected readonly looks: Looks;
  protected readonly failed: (error: unknown) => void;
  #gapTimer: ReturnType<typeof setTimeout> | undefined;
  #isFirst = true;

  constructor(store: PlayerStore, looks: Looks, failed: (error: unknown) => void) {
    this.store = store;
    this.looks = looks;
    this.failed = failed;
  }

  /** A play was begun: its segments may be opened. */
  abstract open(play: string): void;
  /** The picture goes at once, and every opened segment with it. */
  abstract shut(): void;
  /** Whether nothing is held that could be shown. */
  abstract get empty(): boolean;
  /** Another track is to be shown. */
  abstract change(trackId: string): void;
  /** Shows the track that belongs to the moment, if that is another and none was chosen. */
  abstract changeTab(): void;
  /** The track to show at a moment. */
  abstract tabAt(atMs: number): string | null;
  /** Something came of a track that is not shown. Resolves to a moment at which it may be the one to show, or null. */
  abstract glance(trackId: string, sequence: number): Promise<number | null>;
  /** Shows a moment: from what is held, or by opening what it needs. */
  abstract show(atMs: number): Promise<void>;
  /** Plays on, if there is anything to play on. */
  abstract run(): void;
  /** Opens what comes next, so that playing does not have to wait. */
  abstract fill(): Promise<void>;
  abstract setSpeed(speed: number): void;
  /** Sound is to be heard, or no more. */
  abstract setSound(on: boolean): void;
  /** Where following begins. */
  abstract edgeMs(): number;
  /** How far behind the beginning of the newest segment following may fall before it passes over what lies between. */
  abstract readonly lagMs: number;

  protected abstract still(): void;
  /** The picture is covered by a card: there is time to read what is not shown. */
  protected abstract rest(): void;

  pause(): void {
    clearTimeout(this.#gapTimer);
    this.still();
    this.looks.stop();
  }

  /** Leaves the place where the playhead stands, to go to another. */
  leave(): void {
    clearTimeout(this.#gapTimer);
    this.looks.stop();
  }

  goTo(ms: number): void {
    const { store } = this;
    const atMs = Math.max(store.fromMs, Math.min(ms, store.durationMs));
    this.leave();
    const nearEdge = store.state.following !== "no" && atMs >= store.durationMs - NEAR_EDGE_MS;
    store.set({ atMs, gap: null, following: nearEdge ? "behind" : "no" });
    if (store.open) void this.show(atMs);
  }

  /** Goes on behind a gap. */
  passGap = (): void => {
    const { gap } = this.store.state;
    if (gap) this.goTo(gap.gap.to_us / 1000);
  };

  /** Passes over what lies between, while playing. */
  jump(atMs: number): void {
    this.looks.stop();
    this.store.set({ atMs });
    void this.show(atMs);
  }

  protected standInGap(gap: Gap): void {
    this.still();
    const goesOn = this.store.state.wantsPlay && gap.to_us / 1000 < this.store.durationMs;
    this.store.set({ gap: { gap, goesOn }, waiting: false });
    this.rest();
    clearTimeout(this.#gapTimer);
    if (goesOn) this.#gapTimer = setTimeout(this.passGap, GAP_CARD_MS);
  }

  /** A segment does not open: a gap of its own. */
  protected lost(track: Track, index: number, reason: "damaged" | "erased"): void {
    const now = this.store.recording.tracks.find(({ id }) => id === track.id) ?? track;
    this.store.set({ recording: withLost(this.store.recording, now, index, reason) });
  }

  /** A moment stands on the stage. */
  protected painted(atMs: number): void {
    performance.mark(this.#isFirst ? "clerestory:first-picture" : "clerestory:painted");
    this.#isFirst = false;
    const { wantsPlay, waiting, following } = this.store.state;
    this.store.set({ picture: true, waiting: wantsPlay && waiting && following === "edge" });
    this.looks.still(atMs);
  }

  /** Playing came to the end of everything there is. */
  protected ended(): void {
    const { recording, state } = this.store;
    if (recording.live) {
      this.store.set({ waiting: true, following: state.following === "asking" ? "asking" : "edge" });
    } else {
      this.store.set({ wantsPlay: false, waiting: false, following: "no" });
    }
  }
}
