/** The one value the player's page shows, who hears of its changes, and what follows from it. */
import type { Gap, Recording, Track } from "../api/types";
import { lineOf } from "./film/stretches";
import { gapMap } from "./gaps";
import type { PlayerState } from "./state";

export class PlayerStore {
  state: PlayerState;
  readonly #listeners = new Set<() => void>();

  constructor(state: PlayerState) {
    this.state = state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The state is replaced as a whole at each change. */
  set(change: Partial<PlayerState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  get open(): boolean {
    return this.state.phase.kind === "open";
  }

  get recording(): Recording {
    return this.state.recording;
  }

  /** The track that is shown. */
  get track(): Track | null {
    return this.recording.tracks.find((track) => track.id === this.state.trackId) ?? null;
  }

  /** The gaps of what is shown: of one track, or of a screen's runs as one line. */
  get gaps(): readonly Gap[] {
    const { recording } = this;
    return recording.source === "screen" ? lineOf(recording, false).gaps : gapMap(this.track?.gaps ?? []);
  }

  get durationMs(): number {
    return this.recording.duration_us / 1000;
  }

  /** Where playing begins: at the start, or where the clip does. */
  get fromMs(): number {
    return this.state.clip?.from_ms ?? 0;
  }
}
