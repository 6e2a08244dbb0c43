import { describe, expect, it } from "vitest";
import type { SegmentItem } from "../api/types";
import { keyframeAfter, planWindow, playableUntil, segmentAt } from "./seek";

/** Segments of five seconds; a keyframe wherever the text has a K. */
const run = (text: string): SegmentItem[] =>
  [...text].map((letter, sequence) => ({
    sequence,
    start_us: sequence * 5_000_000,
    duration_us: 4_000_000,
    size_bytes: 100,
    keyframe: letter === "K",
  }));

describe("the segment at a moment", () => {
  it("is the one that holds it, or the last before it", () => {
    const segments = run("K..");
    expect(segmentAt(segments, 0)).toBe(0);
    expect(segmentAt(segments, 4_999_999)).toBe(0);
    expect(segmentAt(segments, 5_000_000)).toBe(1);
    expect(segmentAt(segments, 99_000_000)).toBe(2);
  });
  it("is the first for moments before it, and none for no segments", () => {
    expect(
      segmentAt(
        run("K").map((s) => ({ ...s, start_us: 7 })),
        3,
      ),
    ).toBe(0);
    expect(segmentAt([], 3)).toBe(-1);
  });
});

describe("a window", () => {
  it("runs from the keyframe before the moment to its segment", () => {
    expect(planWindow(run("K..K.."), 22_000_000)).toEqual({ first: 3, target: 4, earliest: false });
    expect(planWindow(run("K..K.."), 12_000_000)).toEqual({ first: 0, target: 2, earliest: true });
  });
  it("begins one keyframe earlier where the first does not reach back to the moment", () => {
    expect(planWindow(run("K..K.."), 15_100_000, 2)).toEqual({ first: 0, target: 3, earliest: true });
  });
  it("begins at the first keyframe where none comes before", () => {
    expect(planWindow(run("..K."), 1_000_000)).toEqual({ first: 2, target: 2, earliest: true });
  });
  it("is none without any keyframe", () => {
    expect(planWindow(run("..."), 1_000_000)).toBeNull();
    expect(planWindow([], 0)).toBeNull();
  });
});

describe("how far playing may run", () => {
  const gap = { from_us: 11_000_000, to_us: 14_000_000, reason: "paused" } as const;
  it("is the start of what is not loaded", () => {
    expect(playableUntil(run("K..."), [], 1, 0, 19_000_000)).toBe(10_000_000);
  });
  it("is the end after the last segment", () => {
    expect(playableUntil(run("K..."), [], 3, 0, 19_500_000)).toBe(19_500_000);
  });
  it("is a gap that comes first, but not one that lies behind", () => {
    expect(playableUntil(run("K..."), [gap], 3, 0, 19_000_000)).toBe(11_000_000);
    expect(playableUntil(run("K..."), [gap], 3, 14_000_000, 19_000_000)).toBe(19_000_000);
  });
});

describe("behind what does not open", () => {
  it("playing goes on at the next keyframe", () => {
    expect(keyframeAfter(run("K..K."), 1)).toBe(3);
    expect(keyframeAfter(run("K...."), 1)).toBe(-1);
  });
});
