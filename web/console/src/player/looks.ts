/** What is being looked at in a play, and what of it the server has not been told yet. */
import { reportRange } from "./api";
import { addRange, type Range, whole } from "./watched";

/** How much is watched before others can see that it grew. */
const SHOWN_EVERY_US = 1_000_000;
const REPORT_EVERY_MS = 30_000;

export class Looks {
  #running: Range | null = null;
  #unreported: Range[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #seen: (range: Range) => void;

  /** `seen` hears each range once it is complete. */
  constructor(seen: (range: Range) => void) {
    this.#seen = seen;
  }

  /** Tells the server of a play from time to time. */
  begin(play: string, failed: (error: unknown) => void): void {
    this.end();
    this.#timer = setInterval(() => void this.report(play).catch(failed), REPORT_EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** A picture was shown, standing still. */
  still(atMs: number): void {
    this.#see({ from_us: atMs * 1000, to_us: atMs * 1000 + 1 });
  }

  /** Playing came to a moment. */
  at(atMs: number): void {
    const atUs = atMs * 1000;
    if (this.#running === null || atUs < this.#running.to_us) this.#running = { from_us: atUs, to_us: atUs };
    this.#running.to_us = atUs;
    if (atUs - this.#running.from_us > SHOWN_EVERY_US) {
      this.stop();
      this.#running = { from_us: atUs, to_us: atUs };
    }
  }

  /** Playing stopped or went elsewhere. */
  stop(): void {
    const range = this.#running;
    this.#running = null;
    if (range !== null && range.to_us > range.from_us) this.#see(range);
  }

  /** Takes what has not been told, to tell it. */
  take(): Range[] {
    const ranges = this.#unreported.map(whole);
    this.#unreported = [];
    return ranges;
  }

  /** Tells the server. What could not be told is kept for the next time. */
  async report(play: string): Promise<void> {
    const ranges = this.take();
    let told = 0;
    try {
      for (const range of ranges) {
        await reportRange(play, range);
        told += 1;
      }
    } catch (error) {
      this.#unreported = ranges.slice(told).reduce(addRange, this.#unreported);
      throw error;
    }
  }

  #see(range: Range): void {
    this.#unreported = addRange(this.#unreported, range);
    this.#seen(range);
  }
}
