import { describe, expect, it } from "vitest";
import { gapAt, gapMap, gapSentence } from "./gaps";

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
