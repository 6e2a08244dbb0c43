import { describe, expect, it } from "vitest";
import { Lanes } from "./segments";

const segment = (sequence: number, keyframe = false) => ({
  sequence,
  start_us: sequence * 5_000_000,
  duration_us: 4_000_000,
  size_bytes: 1,
  keyframe,
});
const segments = [segment(0, true), segment(1), segment(2, true)];
const scroll = (timestamp: number) => ({ type: 3, timestamp, data: { source: 3, id: 1, x: 0, y: 0 } });
const bytes = (...events: object[]) => new TextEncoder().encode(JSON.stringify(events)).buffer;

describe("what happened", () => {
  it("is read in order within a stretch, however it comes", () => {
    const lanes = new Lanes();
    expect(lanes.take(0, 1, segments, bytes(scroll(9)))).toBe(false);
    expect(lanes.marks().flat()).toEqual([]);
    expect(lanes.take(0, 0, segments, bytes(scroll(5)))).toBe(true);
    expect(
      lanes
        .marks()
        .flat()
        .map(({ atMs }) => atMs),
    ).toEqual([0, 5000]);
  });
  it("is read once", () => {
    const lanes = new Lanes();
    lanes.take(0, 0, segments, bytes(scroll(5)));
    expect(lanes.take(0, 0, segments, bytes(scroll(5)))).toBe(false);
    expect(lanes.marks().flat()).toHaveLength(1);
  });
  it("is known by stretch, so a later one needs no earlier one", () => {
    const lanes = new Lanes();
    expect(lanes.take(2, 2, segments, bytes(scroll(7), scroll(800)))).toBe(true);
    expect(lanes.active()).toEqual([10_000, 10_793]);
  });
  it("is nothing where the bytes hold no list", () => {
    const lanes = new Lanes();
    expect(lanes.take(0, 0, segments, new TextEncoder().encode("{}").buffer)).toBe(true);
    expect(lanes.marks().flat()).toEqual([]);
  });
});
