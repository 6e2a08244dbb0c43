import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Recording } from "../api/types";
import type { Followed, Play } from "./api";
import { Follow } from "./follow";

interface Stream {
  url: string;
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  closed: boolean;
}
let streams: Stream[];
let answers: (() => Response)[];

const segment = (sequence: number) => ({
  sequence,
  start_us: 0,
  duration_us: 1,
  size_bytes: 1,
  keyframe: true,
});
const tracks = (last: number) => [{ id: "trk", segments: [segment(last)], gaps: [] }];
const play = { id: "ply", live: true, tracks: tracks(0) } as unknown as Play;
const recording = { live: true, tracks: tracks(3) } as unknown as Recording;

beforeEach(() => {
  streams = [];
  answers = [];
  vi.useFakeTimers();
  vi.stubGlobal(
    "EventSource",
    class {
      onopen: (() => void) | null = null;
      onerror: (() => void) | null = null;
      closed = false;
      constructor(readonly url: string) {
        streams.push(this);
      }
      addEventListener() {}
      close() {
        this.closed = true;
      }
    },
  );
  vi.stubGlobal("fetch", async () => {
    const answer = answers.shift();
    if (!answer) throw new TypeError("no line");
    return answer();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function following(refetch: () => Promise<Recording>) {
  const heard: Followed["kind"][] = [];
  const asked: Recording[] = [];
  const failed: unknown[] = [];
  const follow = new Follow(play, {
    hear: (what) => heard.push(what.kind),
    failed: (error) => failed.push(error),
    refetch,
    asked: (now) => asked.push(now),
  });
  return { follow, heard, asked, failed };
}

it("asks while the stream is broken off, and listens again after what it has when the server answers", async () => {
  let down = true;
  const refetch = async () => {
    if (down) throw new TypeError("no line");
    return recording;
  };
  const { follow, heard, asked, failed } = following(refetch);
  streams[0]?.onerror?.();
  expect(heard).toEqual(["lost"]);
  expect(streams[0]?.closed).toBe(true);
  await vi.advanceTimersByTimeAsync(5_000);
  expect([asked.length, streams.length]).toEqual([0, 1]);
  down = false;
  answers = [() => new Response(": here\n\n")];
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toEqual([recording]);
  expect(decodeURIComponent(streams[1]?.url ?? "")).toContain("after=trk:3");
  streams[1]?.onopen?.();
  expect(heard).toEqual(["lost", "begun"]);
  expect(failed).toEqual([]);
  follow.stop();
});

it("ends where the server refuses, and not where something in front of it is broken", async () => {
  const problem = (status: number) => () =>
    new Response(JSON.stringify({ type: "urn:clerestory:problem:play-ended", title: "Ended", status }), {
      status,
    });
  const { follow, failed } = following(async () => recording);
  streams[0]?.onerror?.();
  answers = [problem(502), problem(403)];
  await vi.advanceTimersByTimeAsync(5_000);
  expect(failed).toEqual([]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(failed).toMatchObject([{ status: 403, slug: "play-ended" }]);
  follow.stop();
});

it("opens a stream anew that has gone silent", async () => {
  const { follow } = following(async () => recording);
  answers = [() => new Response("")];
  await vi.advanceTimersByTimeAsync(15_000);
  expect(streams).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(streams.map(({ closed }) => closed)).toEqual([true, false]);
  follow.stop();
  expect(streams[1]?.closed).toBe(true);
});
