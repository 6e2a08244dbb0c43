import { describe, expect, it } from "vitest";
import {
  histogram,
  keyMoment,
  momentAt,
  panesOf,
  placed,
  placeOf,
  share,
  stack,
  tickLabel,
  ticks,
} from "./scale";

const segment = (sequence: number, start_s: number, size_bytes: number, keyframe = false) => ({
  sequence,
  start_us: start_s * 1e6,
  duration_us: 4e6,
  size_bytes,
  keyframe,
});
const four = [segment(0, 0, 100), segment(1, 5, 400), segment(2, 10, 10_000), segment(3, 15, 0)];

describe("places", () => {
  it("stay within the whole", () => {
    expect(share(-5, 10)).toBe(0);
    expect(share(15, 10)).toBe(1);
    expect(share(1, 0)).toBe(0);
    expect(placed(2, 5, 10)).toEqual({ left: "20.000%", width: "30.000%" });
    expect(placed(8, 30, 10)).toEqual({ left: "80.000%", width: "20.000%" });
  });
  it("turn a pointer into a moment", () => {
    expect(momentAt(150, 100, 200, 40)).toBe(10);
    expect(momentAt(50, 100, 200, 40)).toBe(0);
    expect(momentAt(50, 100, 0, 40)).toBe(0);
    expect(placeOf(10, 100, 200, 40)).toBe(150);
    expect(placeOf(90, 100, 200, 40)).toBe(300);
  });
});

describe("ticks", () => {
  it("are round, few and not at the edges", () => {
    expect(ticks(761e6, 13).map((at) => at / 1e6)).toEqual([
      60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660, 720,
    ]);
    expect(ticks(9e6, 13)).toHaveLength(8);
    expect(ticks(0, 13)).toEqual([]);
  });
  it("are labelled as clocks", () => {
    expect(tickLabel(30e6)).toBe("0:30");
    expect(tickLabel(3840e6)).toBe("1:04:00");
  });
});

describe("panes", () => {
  const base = { segments: four, gaps: [], durationUs: 20e6, count: 4 };
  it("take their tone from sizes", () => {
    expect(panesOf(base)).toEqual(["a0", "a1", "a4", "a0"]);
  });
  it("are lit where everything in them is open, and hot at the playhead", () => {
    expect(panesOf({ ...base, open: ({ sequence }) => sequence < 2, atUs: 7e6 })).toEqual([
      "lit",
      "hot",
      "a4",
      "a0",
    ]);
  });
  it("are bricked up where most of them is a gap", () => {
    const gaps = [{ from_us: 4e6, to_us: 9e6, reason: "paused" as const }];
    expect(panesOf({ ...base, gaps })).toEqual(["a0", "gap", "a4", "a0"]);
  });
  it("say what does not open and what still goes on", () => {
    expect(panesOf({ ...base, bad: ({ sequence }) => sequence === 2, live: true })).toEqual([
      "a0",
      "a1",
      "bad",
      "now",
    ]);
  });
  it("are empty frames where there is nothing", () => {
    expect(panesOf({ ...base, segments: [] })).toEqual(["none", "none", "none", "none"]);
    expect(panesOf({ ...base, durationUs: 0 })).toEqual(["none", "none", "none", "none"]);
  });
});

it("draws one bar per segment", () => {
  expect(histogram(four, 20e6, 20).match(/M/g)).toHaveLength(4);
});

it("stacks ranges that overlap", () => {
  const rows = stack(
    [
      { from_us: 0, to_us: 5 },
      { from_us: 3, to_us: 8 },
      { from_us: 6, to_us: 9 },
    ],
    2,
  );
  expect(rows.map(({ row }) => row)).toEqual([0, 1, 0]);
});

it("moves the slider by keys and not beyond its ends", () => {
  expect(keyMoment("ArrowRight", 5e6, 20e6)).toBe(6e6);
  expect(keyMoment("PageDown", 5e6, 20e6)).toBe(0);
  expect(keyMoment("End", 5e6, 20e6)).toBe(20e6);
  expect(keyMoment("x", 5e6, 20e6)).toBeNull();
});
