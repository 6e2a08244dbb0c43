import { describe, expect, it } from "vitest";
import { CaptureClock, RisingClock } from "../src/media/clock";
import { SLICE_MS, SLICES, Slices } from "../src/run/slices";

describe("the clock of what is captured", () => {
  it("goes by the quickest arrival: what came late only waited on the way", () => {
    const clock = new CaptureClock();
    expect(clock.at(1_000_000, 50_020)).toBe(50_020);
    expect(clock.at(1_100_000, 50_105)).toBe(50_105);
    expect(clock.at(1_200_000, 50_300)).toBeCloseTo(50_205, 0);
  });

  it("begins anew where the clocks went apart, as after sleep", () => {
    const clock = new CaptureClock();
    clock.at(1_000_000, 50_000);
    expect(clock.at(2_000_000, 90_000)).toBe(90_000);
  });

  it("follows drift", () => {
    const clock = new CaptureClock();
    // 0.1 ms a second too slow, for an hour.
    let at = 0;
    for (let s = 0; s <= 3600; s += 1) at = clock.at(s * 1_000_000, s * 1000.1);
    expect(Math.abs(at - 3600 * 1000.1)).toBeLessThan(5);
  });
});

describe("slices of the last minutes", () => {
  const now = SLICES * SLICE_MS;

  it("are brighter the more was captured, newest last", () => {
    const slices = new Slices();
    slices.captured(now - 2 * SLICE_MS, now - SLICE_MS, 1_000_000);
    slices.captured(now - SLICE_MS, now, 1);
    slices.gap(now - 4 * SLICE_MS, now - 3 * SLICE_MS);
    expect(slices.row(now - 1).slice(-5)).toEqual(["none", "gap", "none", 4, 0]);
  });

  it("forget what is older, and what was thrown away", () => {
    const slices = new Slices();
    slices.captured(0, SLICE_MS, 500_000);
    slices.captured(now - SLICE_MS, now, 500_000);
    slices.discarded(now - SLICE_MS, now);
    expect(slices.row(now - 1 + SLICE_MS)).not.toContain(3);
    expect(slices.row(now - 1 + SLICE_MS).at(-2)).toBe("gap");
  });
});

describe("the clock of a recording", () => {
  function clocks() {
    const at = { wall: 1_000_000, steady: 500 };
    const clock = new RisingClock(
      () => at.wall,
      () => at.steady,
    );
    const pass = (ms: number) => {
      at.wall += ms;
      at.steady += ms;
    };
    return { at, clock, pass };
  }

  it("goes on where the device's is set back, and begins anew by it", () => {
    const { at, clock, pass } = clocks();
    pass(1000);
    at.wall -= 3_600_000;
    expect(clock.now()).toBe(1_001_000);
    pass(250);
    expect(clock.now()).toBe(1_001_250);
    clock.begin();
    expect(clock.now()).toBe(at.wall);
  });

  it("follows the device's forward, as after sleep", () => {
    const { at, clock, pass } = clocks();
    at.wall += 60_000;
    expect(clock.now()).toBe(1_060_000);
    pass(10);
    expect(clock.now()).toBe(1_060_010);
  });
});
