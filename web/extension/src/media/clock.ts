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
