/**
 * Holds what was captured back for a while, so that a page which turns out to be excluded takes with it what was
 * captured just before: a picture of it may be here before the browser says that the person went there.
 */

export interface Held<T> {
  /** When it was captured, milliseconds since 1970. */
  readonly at: number;
  readonly item: T;
}

/** How long everything waits before anything is encoded. */
export const DELAY_MS = 700;

export class DelayLine<T> {
  readonly #limit: number;
  #held: Held<T>[] = [];

  /** `limit`: how many items may wait at once, whatever they wait for. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#held.length;
  }

  /** Adds the newest. Answers with the oldest where there was no room left for it. */
  push(at: number, item: T): Held<T> | null {
    this.#held.push({ at, item });
    return this.#held.length > this.#limit ? (this.#held.shift() ?? null) : null;
  }

  /** Takes out, in order, what was captured at `upTo` or before. */
  release(upTo: number): Held<T>[] {
    const first = this.#held.findIndex(({ at }) => at > upTo);
    return this.#held.splice(0, first < 0 ? this.#held.length : first);
  }

  /** Throws away all that waits. Answers with the time of the oldest, or `null` where nothing waited. */
  drop(): number | null {
    const oldest = this.#held[0]?.at ?? null;
    this.#held = [];
    return oldest;
  }

  /** Throws away what was captured at `from` or later. */
  dropFrom(from: number): void {
    this.#held = this.#held.filter(({ at }) => at < from);
  }
}
