import { describe, expect, it } from "vitest";
import { DELAY_MS, DelayLine } from "../src/media/delay";

describe("the delay line", () => {
  it("holds back for at least half a second", () => {
    expect(DELAY_MS).toBeGreaterThanOrEqual(500);
  });

  it("gives out in order what is old enough, and once", () => {
    const line = new DelayLine<string>(10);
    for (const at of [10, 20, 30]) line.push(at, `at ${at}`);
    expect(line.release(20).map(({ item }) => item)).toEqual(["at 10", "at 20"]);
    expect(line.release(20)).toEqual([]);
    expect(line.release(1000).map(({ at }) => at)).toEqual([30]);
  });

  it("drops everything that waits, and says since when it was", () => {
    const line = new DelayLine<number>(10);
    expect(line.drop()).toBeNull();
    line.push(5, 1);
    line.push(6, 2);
    expect(line.drop()).toBe(5);
    expect(line.release(Number.POSITIVE_INFINITY)).toEqual([]);
  });

  it("drops what was captured from a time on", () => {
    const line = new DelayLine<number>(10);
    for (const at of [1, 2, 3]) line.push(at, at);
    line.dropFrom(2);
    expect(line.release(10).map(({ at }) => at)).toEqual([1]);
  });

  it("is bounded, and gives the oldest up", () => {
    const line = new DelayLine<number>(2);
    expect([1, 2, 3].map((at) => line.push(at, at)?.at ?? null)).toEqual([null, null, 1]);
  });
});
