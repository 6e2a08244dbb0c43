import { describe, expect, it } from "vitest";
import type { Gap, Recording, Track } from "../../api/types";
import { cover, lineOf, stretchAt } from "./stretches";

const segment = (sequence: number, from_s: number, for_s = 2) => ({
  sequence,
  start_us: from_s * 1e6,
  duration_us: for_s * 1e6,
  size_bytes: 100,
  keyframe: true,
});
const run = (from_s: number, count: number, first = 0) =>
  Array.from({ length: count }, (_, n) => segment(first + n, from_s + 2 * n));
const track = (id: string, kind: string, writer: string, segments: Track["segments"], gaps: Gap[] = []) =>
  ({ id, kind, writer, segments, gaps }) as unknown as Track;
const recording = (tracks: Track[], duration_s: number, live = false) =>
  ({ source: "screen", tracks, duration_us: duration_s * 1e6, live }) as unknown as Recording;
const seconds = (spans: readonly { from_us: number; to_us: number }[]) =>
  spans.map(({ from_us, to_us }) => [from_us / 1e6, to_us / 1e6]);

describe("what a track covers", () => {
  it("is its segments; a picture stands until the next one, if that comes soon", () => {
    const still = [segment(0, 0), segment(1, 9), segment(2, 30)];
    expect(seconds(cover(track("v", "video", "w", still)))).toEqual([
      [0, 11],
      [30, 32],
    ]);
  });
  it("is without its gaps, and without segments that only tell of one", () => {
    const gap: Gap = { from_us: 4e6, to_us: 8e6, reason: "paused" };
    const segments = [segment(0, 0), segment(1, 2), segment(2, 4, 0), segment(3, 8)];
    expect(seconds(cover(track("v", "video", "w", segments, [gap])))).toEqual([
      [0, 4],
      [8, 10],
    ]);
  });
  it("does not reach over a segment that is missing", () => {
    const segments = [segment(0, 0), segment(2, 6)];
    expect(seconds(cover(track("v", "video", "w", segments)))).toEqual([
      [0, 2],
      [6, 8],
    ]);
  });
});

describe("a line", () => {
  const one = track("v1", "video", "w1", run(0, 5));
  const two = track("v2", "video", "w2", run(60, 5));

  it("has the runs one after another, and says that nothing was recorded between them", () => {
    const line = lineOf(recording([two, one], 70), false);
    expect(line.stretches.map(({ video, audio }) => [video.id, audio])).toEqual([
      ["v1", null],
      ["v2", null],
    ]);
    expect(line.gaps).toEqual([{ from_us: 10e6, to_us: 60e6, reason: "off" }]);
  });
  it("says that something is missing within a run", () => {
    const holed = track("v1", "video", "w1", [segment(0, 0), segment(3, 8)]);
    expect(lineOf(recording([holed], 10), false).gaps).toEqual([
      { from_us: 2e6, to_us: 8e6, reason: "missing" },
    ]);
  });
  it("has the sound of the same run, and goes on without it where there is none", () => {
    const sound = track("a1", "audio", "w1", run(4.1, 3, 7));
    const other = track("a2", "audio", "w2", run(60, 5));
    const line = lineOf(recording([one, sound, two, other], 70), true);
    expect(line.stretches.map(({ from_us, audio }) => [from_us / 1e6, audio?.id ?? null])).toEqual([
      [0, null],
      [4.1, "a1"],
      [60, "a2"],
    ]);
  });
  it("does not wait for sound that is not wanted", () => {
    const sound = track("a1", "audio", "w1", run(4, 3));
    expect(lineOf(recording([one, sound], 10), false).stretches).toHaveLength(1);
  });
  it("goes, while it grows, as far as its sound has come, and misses nothing behind that", () => {
    const sound = track("a1", "audio", "w1", run(0, 3));
    const line = lineOf(recording([one, sound], 30, true), true);
    expect(seconds(line.stretches)).toEqual([[0, 6]]);
    expect(lineOf(recording([one], 30, true), false).gaps).toEqual([]);
  });
});

describe("a moment", () => {
  const gap: Gap = { from_us: 4e6, to_us: 8e6, reason: "url_denied" };
  const shown = track(
    "v",
    "video",
    "w",
    [segment(0, 0), segment(1, 2), segment(2, 8), segment(3, 10)],
    [gap],
  );
  const line = lineOf(recording([shown], 12), false);

  it("lies in its stretch", () => {
    expect(stretchAt(line, 9e6)?.stretch.from_us).toBe(8e6);
    expect(stretchAt(line, 9e6)?.atUs).toBe(9e6);
  });
  it("is the next one in a small hole, and the last at the very end", () => {
    expect(stretchAt(line, 7.5e6)).toMatchObject({ atUs: 8e6 });
    expect(stretchAt(line, 12e6)?.atUs).toBeLessThan(12e6);
  });
  it("is nowhere in a gap", () => {
    expect(stretchAt(line, 5.5e6)).toBeNull();
  });
});
