import { describe, expect, it } from "vitest";
import { ahead, beginAt, holds, hop, isWithin, letGo, windowAt } from "./plan";

const segments = Array.from({ length: 40 }, (_, n) => ({
  sequence: n,
  start_us: n * 2e6,
  duration_us: 2e6,
  size_bytes: 1,
  keyframe: n % 2 === 0,
}));
const ranges = (...list: [number, number][]) =>
  ({
    length: list.length,
    start: (n: number) => list[n]?.[0] ?? 0,
    end: (n: number) => list[n]?.[1] ?? 0,
  }) as TimeRanges;

describe("a window", () => {
  it("begins with the frame that others hang on", () => {
    expect(beginAt(segments, 7e6)).toBe(2);
    expect(beginAt(segments, 8e6)).toBe(4);
  });
  it("reaches to the next segment where the moment lies between two", () => {
    const told = { sequence: 0, start_us: 0, duration_us: 0, size_bytes: 1, keyframe: true };
    const sound = { ...told, sequence: 1, start_us: 8.03e6, duration_us: 2e6 };
    expect(windowAt([told, sound], 8e6)).toEqual([0, 1]);
    expect(windowAt([told, sound], 9e6)).toEqual([1]);
    expect(windowAt(segments, 7e6)).toEqual([2, 3]);
    expect(windowAt(segments, 80e6)).toEqual([38, 39]);
    expect(windowAt([], 0)).toEqual([]);
  });
  it("is held from its first to its last segment", () => {
    expect(holds(segments, { first: 2, last: 5 }, 11.9e6)).toBe(true);
    expect(holds(segments, { first: 2, last: 5 }, 12e6)).toBe(false);
    expect(holds(segments, null, 0)).toBe(false);
  });
  it("reaches thirty seconds ahead of the playhead, and further at speed", () => {
    expect(ahead(segments, { first: 0, last: 0 }, 0, 1, 4)).toEqual([1, 2, 3, 4]);
    expect(ahead(segments, { first: 0, last: 14 }, 0, 1, 4)).toEqual([15]);
    expect(ahead(segments, { first: 0, last: 15 }, 0, 1, 4)).toEqual([]);
    expect(ahead(segments, { first: 0, last: 15 }, 0, 2, 4)).toHaveLength(4);
    expect(ahead(segments, { first: 0, last: 39 }, 78e6, 1, 4)).toEqual([]);
  });
  it("lets go of what is long past, up to a frame that stands alone", () => {
    expect(letGo(segments, { first: 0, last: 20 }, 10e6)).toBeNull();
    expect(letGo(segments, { first: 0, last: 20 }, 27e6)).toEqual({
      held: { first: 2, last: 20 },
      beforeUs: 4e6,
    });
  });
});

describe("a small hole in what is buffered", () => {
  it("is passed over, and a large one is not", () => {
    expect(hop(ranges([0, 4], [4.3, 9]), 3.9, 1)).toBe(4.3);
    expect(hop(ranges([0, 4], [6, 9]), 3.9, 1)).toBeNull();
  });
  it("is where nothing is", () => {
    expect(isWithin(ranges([0, 4], [4.3, 9]), 4.1)).toBe(false);
    expect(isWithin(ranges([0, 4], [4.3, 9]), 4.3)).toBe(true);
  });
});
