import { describe, expect, it } from "vitest";
import { nextStep } from "./leaves";

const at = (...times: number[]) => times.map((timestamp) => ({ type: 3, timestamp }));

describe("what the picture of a preview is sent", () => {
  it("is nothing before the first event", () => expect(nextStep(null, 0, [])).toEqual({ kind: "none" }));

  it("is a whole picture first, shown at its last moment", () => {
    const step = nextStep(null, 1, at(1000, 1040));
    expect(step).toMatchObject({ kind: "load", at_ms: 41, batch: { sequence: 0, start_us: 0 } });
  });

  it("is only what is new afterwards, at its place in time", () => {
    const step = nextStep({ picture: 1, count: 2 }, 1, at(1000, 1040, 1100, 1090));
    expect(step).toMatchObject({ kind: "append", at_ms: 101, batch: { sequence: 2, start_us: 90_000 } });
    expect(step.kind === "append" && step.batch.events).toHaveLength(2);
  });

  it("is a whole picture again when the page or the draft changed", () => {
    expect(nextStep({ picture: 1, count: 9 }, 2, at(5)).kind).toBe("load");
  });

  it("is nothing when nothing is new", () => {
    expect(nextStep({ picture: 1, count: 2 }, 1, at(1, 2))).toEqual({ kind: "none" });
  });
});
