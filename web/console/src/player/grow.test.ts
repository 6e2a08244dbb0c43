import { describe, expect, it } from "vitest";
import type { Recording, Track } from "../api/types";
import { grown, handed, withLost, withTracks } from "./grow";

const segment = (sequence: number, keyframe = false) => ({
  sequence,
  start_us: sequence * 5_000_000,
  duration_us: 4_000_000,
  size_bytes: 10,
  keyframe,
});
const track: Track = {
  id: "trk_a",
  kind: "dom",
  writer: "w",
  state: "open",
  retention_class: null,
  kept_until: null,
  key_id: null,
  segments: [segment(0, true), segment(1), segment(2), segment(3, true)],
  gaps: [],
};
const recording = {
  tracks: [track],
  duration_us: 19_000_000,
  size_bytes: 40,
  segments: 4,
} as unknown as Recording;

describe("a recording grows", () => {
  it("by segments, once each, in order", () => {
    const after = grown(recording, "trk_a", [segment(5), segment(3, true), segment(4)], []);
    expect(after.tracks[0]?.segments.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(after).toMatchObject({ duration_us: 29_000_000, size_bytes: 60, segments: 6 });
  });
  it("by tracks that were not known", () => {
    const after = withTracks(recording, [track, { ...track, id: "trk_b" }]);
    expect(after.tracks.map(({ id }) => id)).toEqual(["trk_a", "trk_b"]);
  });
  it("not by what belongs to no track", () => {
    expect(grown(recording, "trk_x", [segment(9)], [])).toBe(recording);
  });
});

describe("a segment that does not open", () => {
  it("is a gap up to the next keyframe", () => {
    const after = withLost(recording, track, 1, "damaged");
    expect(after.tracks[0]?.gaps).toEqual([{ from_us: 5_000_000, to_us: 15_000_000, reason: "damaged" }]);
    expect(after.duration_us).toBe(19_000_000);
  });
  it("is a gap to the end behind the last keyframe, and is told once", () => {
    const once = withLost(recording, track, 3, "erased");
    expect(once.tracks[0]?.gaps).toEqual([{ from_us: 15_000_000, to_us: 19_000_001, reason: "erased" }]);
    const [again] = once.tracks;
    if (!again) throw new Error("the track is gone");
    expect(withLost(once, again, 3, "erased")).toBe(once);
  });
  it("is a gap from where one ends that it begins in", () => {
    const erased = { from_us: 5_000_000, to_us: 7_000_000, reason: "erased" as const };
    const after = withLost(recording, { ...track, gaps: [erased] }, 1, "damaged");
    expect(after.tracks[0]?.gaps).toEqual([{ from_us: 7_000_000, to_us: 15_000_000, reason: "damaged" }]);
  });
});

it("hands over what opened, up to the first that did not", () => {
  const content = { bytes: new ArrayBuffer(1), type: "application/json" };
  const opened = [content, { lost: "damaged" } as const, content, content];
  const { messages, lost } = handed(track.segments, opened);
  expect(messages.map(({ sequence }) => sequence)).toEqual([0]);
  expect(lost).toEqual({ offset: 1, reason: "damaged" });
});
