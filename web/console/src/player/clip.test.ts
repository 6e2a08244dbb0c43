import { expect, it } from "vitest";
import type { Recording } from "../api/types";
import { clipped, markFrom, markTo, NOTHING_MARKED, partOf, partWords } from "./clip";

const segment = (sequence: number, keyframe: boolean) => ({
  sequence,
  start_us: sequence * 10_000_000,
  duration_us: 10_000_000,
  size_bytes: 10,
  keyframe,
});
const segments = [0, 1, 2, 3, 4, 5].map((n) => segment(n, n % 3 === 0));
const track = (kind: string) => ({
  id: kind,
  kind,
  segments,
  gaps: [
    { from_us: 1_000_000, to_us: 2_000_000, reason: "paused" },
    { from_us: 26_000_000, to_us: 27_000_000, reason: "paused" },
  ],
});
const recording = {
  duration_us: 60_000_000,
  live: true,
  tracks: [track("dom"), track("actions")],
} as unknown as Recording;

it("has of a recording what a clip shows, and what its first picture hangs on", () => {
  const part = clipped(recording, { id: "clp_1", title: "", from_ms: 25_000, to_ms: 40_000 });
  expect(part.tracks.map((each) => each.segments.map(({ sequence }) => sequence))).toEqual([
    [0, 1, 2, 3],
    [2, 3],
  ]);
  expect(part.tracks[0]?.gaps).toHaveLength(1);
  expect(part).toMatchObject({ live: false, duration_us: 40_000_000 });
});

it("marks a part from both ends, and never one that ends before it begins", () => {
  const from = markFrom(NOTHING_MARKED, 1000.4);
  expect(partOf(from)).toBeNull();
  expect(partOf(markTo(from, 2500))).toEqual({ from_ms: 1000, to_ms: 2500 });
  expect(partOf(markTo(from, 2500.9))).toEqual({ from_ms: 1000, to_ms: 2500 });
  expect(markTo(from, 900)).toEqual({ fromMs: null, toMs: 900 });
  expect(markFrom(markTo(from, 2500), 2500)).toEqual({ fromMs: 2500, toMs: null });
  expect(partWords({ from_ms: 90_000, to_ms: 130_000 })).toBe("01:30 to 02:10");
});
