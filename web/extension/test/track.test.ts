import { describe, expect, it } from "vitest";
import { type Cut, TrackCutter } from "../src/media/track";

const bytes = new Uint8Array(10);
const chunk = (atMs: number, key = false) => ({ timestampUs: atMs * 1000, durationUs: 100_000, key, bytes });

function cutter(limit = 1_000_000) {
  const cuts: Cut<string>[] = [];
  const track = new TrackCutter<string>({ wantedMs: 2000, bytes: limit }, (cut) => cuts.push(cut));
  track.describe("vp9");
  return { cuts, track };
}

describe("cutting a track into segments", () => {
  it("cuts at the first key frame after the wanted length", () => {
    const { cuts, track } = cutter();
    for (const at of [0, 1000]) track.add(chunk(at, true));
    track.add(chunk(2000));
    track.add(chunk(2100, true));
    expect(cuts.map(({ chunks }) => chunks.map(({ timestampUs }) => timestampUs / 1000))).toEqual([
      [0, 1000, 2000],
    ]);
    expect([cuts[0]?.fromMs, cuts[0]?.toMs]).toEqual([0, 2100]);
  });

  it("lets a picture last until the next", () => {
    const { cuts, track } = cutter();
    track.add(chunk(0, true));
    track.add(chunk(300));
    track.cut();
    expect(cuts[0]?.chunks.map(({ durationUs }) => durationUs)).toEqual([300_000, 100_000]);
  });

  it("leaves out what cannot be drawn: no key frame before it, or a time that does not rise", () => {
    const { cuts, track } = cutter();
    track.add(chunk(0));
    track.add(chunk(100, true));
    track.add(chunk(100));
    track.add(chunk(50));
    track.cut();
    expect(cuts[0]?.chunks.map(({ timestampUs }) => timestampUs / 1000)).toEqual([100]);
  });

  it("never lets a segment grow too long or too large", () => {
    const long = cutter();
    long.track.add(chunk(0, true));
    for (let at = 1000; at <= 12_000; at += 1000) long.track.add(chunk(at));
    expect(long.cuts[0]?.toMs).toBeLessThanOrEqual(10_000);
    const large = cutter(35);
    for (const at of [0, 1, 2, 3]) large.track.add(chunk(at, true));
    expect(large.cuts.map(({ chunks }) => chunks.length)).toEqual([3]);
  });

  it("tells gaps with what comes next, joined where they touch", () => {
    const { cuts, track } = cutter();
    track.gap({ from_ms: 10, to_ms: 20, reason: "blocked" });
    track.gap({ from_ms: 20, to_ms: 30, reason: "blocked" });
    track.gap({ from_ms: 30, to_ms: 40, reason: "paused" });
    track.add(chunk(50, true));
    track.cut();
    expect(cuts[0]?.gaps).toEqual([
      { from_ms: 10, to_ms: 30, reason: "blocked" },
      { from_ms: 30, to_ms: 40, reason: "paused" },
    ]);
    expect(cuts[0]?.fromMs).toBe(10);
  });

  it("tells a gap alone where nothing comes, and nothing where there is nothing", () => {
    const { cuts, track } = cutter();
    track.cut();
    expect(cuts).toEqual([]);
    track.gap({ from_ms: 1, to_ms: 2, reason: "lost" });
    track.cut();
    expect(cuts.map(({ chunks, gaps }) => [chunks.length, gaps.length])).toEqual([[0, 1]]);
  });

  it("begins anew with another format, and not with the same", () => {
    const { cuts, track } = cutter();
    track.add(chunk(0, true));
    track.describe("vp9");
    expect(cuts).toEqual([]);
    track.describe("vp8");
    expect(cuts.map(({ format }) => format)).toEqual(["vp9"]);
  });

  it("throws away what was captured from a time on", () => {
    const { cuts, track } = cutter();
    for (const at of [0, 100, 200]) track.add(chunk(at, at === 0));
    track.discard(150);
    track.cut();
    expect(cuts[0]?.chunks.map(({ timestampUs }) => timestampUs / 1000)).toEqual([0]);
  });
});
