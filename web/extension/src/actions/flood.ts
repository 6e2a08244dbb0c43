/** Pages can make up more than any person does: what is told too often is left out, and the rest still fits. */

const MOST = 40;
const WITHIN_MS = 1000;

export class Flood {
  readonly #told = new Map<number, { fromMs: number; count: number }>();

  /** Whether this tab told too much within the last second. */
  isTooMuch(tab: number, nowMs: number): boolean {
    const known = this.#told.get(tab);
    if (!known || nowMs - known.fromMs >= WITHIN_MS || nowMs < known.fromMs) {
      this.#told.set(tab, { fromMs: nowMs, count: 1 });
      return false;
    }
    known.count += 1;
    return known.count > MOST;
  }
}
