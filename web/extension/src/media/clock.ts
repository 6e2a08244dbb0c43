/** Tells by the device's clock when something was captured that carries times of a clock of its own. */

/** What arrives later than the quickest did only waited on the way; further than this the clocks went apart. */
const APART_MS = 500;
/** How fast an estimate that was too quick once gives way, so that drift is followed. */
const GIVE_MS_PER_S = 0.5;

export class CaptureClock {
  #offsetMs: number | null = null;
  #lastMs = 0;

  /** When the thing with this time was captured, in milliseconds since 1970, given that it arrived at `nowMs`. */
  at(timestampUs: number, nowMs: number): number {
    const offset = nowMs - timestampUs / 1000;
    const known = this.#offsetMs;
    const given =
      known === null ? offset : known + (GIVE_MS_PER_S * Math.max(0, nowMs - this.#lastMs)) / 1000;
    this.#lastMs = nowMs;
    // After sleep, or a change of the device's clock, what was known of the two clocks is worth nothing.
    this.#offsetMs = known === null || Math.abs(offset - known) > APART_MS ? offset : Math.min(offset, given);
    return timestampUs / 1000 + this.#offsetMs;
  }
}

/** Set forward by more than this the device was asleep, or put right: it is followed. */
const AHEAD_MS = 1000;

/**
 * The device's clock as a recording tells time: it never goes back. Where somebody sets it back, what is recorded goes
 * on in the time it began in, or nothing could be kept until the clock has caught up.
 */
export class RisingClock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  #offsetMs: number;

  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
    this.#offsetMs = wall() - steady();
  }

  /** Another recording begins: it tells the time there is. */
  begin(): void {
    this.#offsetMs = this.#wall() - this.#steady();
  }

  /** Milliseconds since 1970. */
  readonly now = (): number => {
    const ahead = this.#wall() - this.#steady() - this.#offsetMs;
    if (ahead > AHEAD_MS) this.#offsetMs += ahead;
    return Math.round(this.#steady() + this.#offsetMs);
  };
}

/** What all parts of the recorder tell time by. */
export const recordingClock = new RisingClock();
