import { describe, expect, it } from "vitest";
import { gapAt, gapLine, gapMap, gapSentence } from "./gaps";

const gap = (from: number, to: number, reason: "paused" | "missing" = "paused") => ({
  from_us: from * 1e6,
  to_us: to * 1e6,
  reason,
});

describe("the gap map", () => {
  it("is in order and joins what touches for the same reason", () => {
    expect(gapMap([gap(30, 40), gap(10, 20), gap(20, 25)])).toEqual([gap(10, 25), gap(30, 40)]);
  });
  it("keeps different reasons apart and leaves out empty ones", () => {
    expect(gapMap([gap(10, 20), gap(20, 25, "missing"), gap(50, 50)])).toEqual([
      gap(10, 20),
      gap(20, 25, "missing"),
    ]);
  });
});

describe("the gap at a moment", () => {
  it("includes its start and not its end", () => {
    const gaps = [gap(10, 20)];
    expect(gapAt(gaps, 10e6)).toEqual(gap(10, 20));
    expect(gapAt(gaps, 19_999_999)).toEqual(gap(10, 20));
    expect(gapAt(gaps, 20e6)).toBeNull();
    expect(gapAt(gaps, 5e6)).toBeNull();
  });
});

it("says why and from when to when", () => {
  expect(gapSentence(gap(220, 268))).toBe(
    "Capture was paused; nothing was captured until it went on. From 03:40 to 04:28, 48 s.",
  );
});

it("names a damaged segment, and does not call it uncaptured", () => {
  const damaged = { from_us: 5e6, to_us: 11e6, reason: "damaged" as const };
  const segment = { sequence: 7, start_us: 5e6, duration_us: 4e6, size_bytes: 1, keyframe: false };
  expect(gapSentence(damaged, [segment])).toMatch(/^Segment 7 is damaged\. Its bytes fail/);
  expect(gapLine(damaged)).toBe("6 s that do not open");
  expect(gapLine(gap(0, 60))).toBe("1 min not captured");
});
