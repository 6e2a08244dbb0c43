import { describe, expect, it } from "vitest";
import type { Track } from "../api/types";
import { type Signs, tabAt } from "./tabs";

/** A track whose segments begin at these seconds and last a second each. */
const track = (id: string, starts: number[], gaps: Track["gaps"] = []): Track => ({
  id,
  kind: "dom",
  writer: id,
  state: "closed",
  retention_class: null,
  kept_until: null,
  key_id: null,
  segments: starts.map((second, sequence) => ({
    sequence,
    start_us: second * 1e6,
    duration_us: 1e6,
    size_bytes: 1,
    keyframe: sequence === 0,
  })),
  gaps,
});
const read =
  (acted: Record<string, number[]>) =>
  (of: Track): Signs => ({
    acted: (acted[of.id] ?? []).map((second) => second * 1000),
    read: () => true,
  });
const unread = (): Signs => ({ acted: [], read: () => false });

describe("the tab at a moment", () => {
  const a = track("a", [0, 5, 10, 15, 20]);
  const b = track("b", [6, 7, 11, 17]);
  const at = (second: number, signs: (of: Track) => Signs, shown: string | null = null) =>
    tabAt([a, b], second * 1e6, signs, shown)?.id;

  it("is the one where something was done last", () => {
    const signs = read({ a: [1, 12], b: [8, 16] });
    expect([2, 9, 13, 16.5].map((second) => at(second, signs))).toEqual(["a", "b", "a", "b"]);
  });
  it("is a new one when it is opened, before anything is done in it", () => {
    expect(at(6.5, read({ a: [1] }))).toBe("b");
  });
  it("stays where the visitor is although another page goes on by itself", () => {
    expect(at(15.5, read({ a: [1], b: [11] }))).toBe("b");
  });
  it("goes back when the other is closed", () => {
    expect(at(18.5, read({ a: [1], b: [17] }))).toBe("a");
  });
  it("does not go back at the edge of what is growing, where the other is only quiet", () => {
    expect(tabAt([a, b], 18.5e6, read({ a: [1], b: [17] }), "b", true)?.id).toBe("b");
  });
  it("goes by the segments where they are not read", () => {
    expect([5.5, 7.5, 10.5, 11.5, 15.5].map((second) => at(second, unread))).toEqual([
      "a",
      "b",
      "a",
      "b",
      "a",
    ]);
  });
  it("is the first to begin, before any has", () => {
    expect(tabAt([track("late", [9]), track("early", [4])], 0, unread, null)?.id).toBe("early");
    expect(tabAt([], 0, unread, null)).toBeNull();
  });
  it("is not one in a gap while another has something", () => {
    const gone = track("a", [0, 5, 20], [{ from_us: 6e6, to_us: 20e6, reason: "paused" }]);
    const signs = read({ a: [5.5], b: [5] });
    expect(tabAt([gone, b], 6.5e6, signs, "a")?.id).toBe("b");
    expect(tabAt([gone], 6.5e6, signs, "a")?.id).toBe("a");
  });
});
