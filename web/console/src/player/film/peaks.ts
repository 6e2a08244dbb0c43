/** How loud a recording is over time, as far as its sound is opened. */
import { share } from "../../components/timeline/scale";

/** The loudness of one segment. */
export interface Peaks {
  atMs: number;
  /** How long each value stands for. */
  stepMs: number;
  /** The highest of each step, 0 to 1. */
  highest: readonly number[];
}

/** The highest of each step of some samples. */
export function peaksOf(samples: Float32Array, rate: number, stepMs: number): number[] {
  const step = Math.max(1, Math.round((rate * stepMs) / 1000));
  const found: number[] = [];
  for (let from = 0; from < samples.length; from += step) {
    let highest = 0;
    for (let at = from; at < Math.min(samples.length, from + step); at += 1) {
      highest = Math.max(highest, Math.abs(samples[at] ?? 0));
    }
    found.push(Math.min(1, highest));
  }
  return found;
}

/** The same as a line of bars around the middle, in a box of 1000 by `height`: one bar each `columns`-th of the time. */
export function waveform(all: readonly Peaks[], durationUs: number, columns: number, height: number): string {
  const bars = new Float64Array(columns).fill(-1);
  for (const { atMs, stepMs, highest } of all) {
    for (const [n, peak] of highest.entries()) {
      const column = Math.min(
        columns - 1,
        Math.floor(share((atMs + n * stepMs) * 1000, durationUs) * columns),
      );
      bars[column] = Math.max(bars[column] ?? -1, peak);
    }
  }
  return [...bars]
    .map((peak, column) => {
      if (peak < 0) return "";
      // Quiet speech is still to be seen: loudness is heard by its root, not by its height.
      const half = Math.max(0.6, Math.sqrt(peak) * (height / 2 - 1));
      const x = (((column + 0.5) / columns) * 1000).toFixed(1);
      return `M${x} ${(height / 2 - half).toFixed(1)}V${(height / 2 + half).toFixed(1)}`;
    })
    .join("");
}
