import { describe, expect, it } from "vitest";
import { Chapters } from "./chapters.ts";
import type { InertEvent } from "./inert.ts";
import { parseToPlayer } from "./messages.ts";

const meta = (timestamp: number, width: number): InertEvent => ({
  type: 4,
  timestamp,
  data: { width, height: 10 },
});
const full = (timestamp: number): InertEvent => ({ type: 2, timestamp, data: {} });
const step = (timestamp: number): InertEvent => ({ type: 3, timestamp, data: { source: 3 } });

describe("chapters", () => {
  it("begin with a viewport and a snapshot, and leave out what comes before the first", () => {
    const chapters = new Chapters();
    chapters.take([step(1), meta(5, 300), full(6), step(7), full(20), step(21)]);
    expect(chapters.list.map(({ startMs, events }) => [startMs, events.length])).toEqual([
      [6, 3],
      [20, 3],
    ]);
    expect(chapters.list[1]?.events[0]).toMatchObject({ type: 4, data: { width: 300 } });
  });
  it("turn a viewport within into a resize", () => {
    const chapters = new Chapters();
    chapters.take([full(1), meta(5, 400)]);
    expect(chapters.list[0]?.events[2]).toMatchObject({ type: 3, data: { source: 4, width: 400 } });
  });
  it("say what lengthened the last one", () => {
    const chapters = new Chapters();
    expect(chapters.take([full(1)]).lengthened).toEqual([]);
    expect(
      chapters.take([step(9), step(4), full(10), step(11)]).lengthened.map(({ timestamp }) => timestamp),
    ).toEqual([4, 9]);
  });
  it("are found by moment", () => {
    const chapters = new Chapters();
    chapters.take([full(10), full(20), full(30)]);
    expect([5, 10, 25, 99].map((ms) => chapters.at(ms))).toEqual([-1, 0, 1, 2]);
  });
  it("are dropped when they are far behind", () => {
    const chapters = new Chapters();
    chapters.take([full(10), full(20), full(30), full(40)]);
    expect(chapters.keepAround(3)).toBe(2);
    expect(chapters.list.map(({ startMs }) => startMs)).toEqual([30, 40]);
    expect(chapters.keepAround(0)).toBe(0);
  });
});

describe("messages", () => {
  it("are taken with sane speeds", () => {
    expect(parseToPlayer({ type: "play", speed: 900, until_ms: -1 })).toEqual({
      type: "play",
      speed: 16,
      until_ms: null,
    });
    expect(parseToPlayer({ type: "speed", speed: "fast" })).toEqual({ type: "speed", speed: 1 });
  });
  it.each([
    null,
    7,
    {},
    { type: "run" },
    { type: "seek", at_ms: -1 },
    { type: "seek", at_ms: Number.NaN },
    { type: "load", load: 1, at_ms: 0, segments: [{}] },
    { type: "load", load: 1, at_ms: 0 },
    { type: "append", load: "1", segments: [] },
  ])("%j is refused", (message) => {
    expect(parseToPlayer(message)).toBeNull();
  });
});
