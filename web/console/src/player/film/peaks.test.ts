import { expect, it } from "vitest";
import { peaksOf, waveform } from "./peaks";

it("is the highest of each step, however short the last", () => {
  expect(peaksOf(Float32Array.from([0, 0.25, -0.5, 0, 0, 0, 2]), 1000, 3)).toEqual([0.5, 0, 1]);
  expect(peaksOf(new Float32Array(0), 1000, 3)).toEqual([]);
});

it("stands where it was heard, around the middle, and is nothing where nothing is opened", () => {
  const path = waveform([{ atMs: 5000, stepMs: 1000, highest: [1, 0.25] }], 10e6, 10, 22);
  expect(path).toBe("M550.0 1.0V21.0M650.0 6.0V16.0");
});

it("shows the highest of what falls into one bar", () => {
  const path = waveform([{ atMs: 0, stepMs: 100, highest: [0, 1, 0] }], 10e6, 1, 22);
  expect(path).toBe("M500.0 1.0V21.0");
});
