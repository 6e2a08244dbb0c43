/** The last minutes as equal slices of time, for a row of panes: how much was captured in each, or that nothing was. */

export type Slice = "none" | "gap" | 0 | 1 | 2 | 3 | 4;

export const SLICE_MS = 10_000;
export const SLICES = 30;

/** Bytes of pictures in one slice for each tone of glass; text that stands still takes little. */
const TONES = [20_000, 80_000, 250_000, 800_000] as const;

export class Slices {
  readonly #bytes = new Map<number, number>();
  readonly #gaps = new Set<number>();

  #range(fromMs: number, toMs: number): number[] {
    const first = Math.floor(fromMs / SLICE_MS);
    const last = Math.floor(Math.max(fromMs, toMs - 1) / SLICE_MS);
    return Array.from({ length: Math.min(last - first + 1, SLICES) }, (_, at) => last - at);
  }

  captured(fromMs: number, toMs: number, bytes: number): void {
    const slices = this.#range(fromMs, toMs);
    for (const slice of slices) this.#bytes.set(slice, (this.#bytes.get(slice) ?? 0) + bytes / slices.length);
  }

  gap(fromMs: number, toMs: number): void {
    for (const slice of this.#range(fromMs, toMs)) this.#gaps.add(slice);
  }

  /** What was thrown away is there no more. */
  discarded(fromMs: number, toMs: number): void {
    for (const slice of this.#range(fromMs, toMs)) this.#bytes.delete(slice);
    this.gap(fromMs, toMs);
  }

  /** The newest last. */
  row(nowMs: number): Slice[] {
    const last = Math.floor(nowMs / SLICE_MS);
    for (const slices of [this.#bytes, this.#gaps])
      for (const slice of slices.keys()) if (slice <= last - SLICES) slices.delete(slice);
    return Array.from({ length: SLICES }, (_, at): Slice => {
      const slice = last - SLICES + 1 + at;
      const bytes = this.#bytes.get(slice);
      if (bytes === undefined) return this.#gaps.has(slice) ? "gap" : "none";
      const tone = TONES.filter((least) => bytes >= least).length;
      return tone as Slice;
    });
  }
}
