import { describe, expect, it } from "vitest";
import type { MyRecording, Viewer } from "../api/types";
import { DAYS, hallOf, heightOf, longWords, looksOf, seenWords, shortWords, watchingNow } from "./myData";

const MINUTE = 60_000_000;
const now = new Date(2026, 10, 22, 15, 0, 0);
const at = (daysAgo: number, hour = 10) => new Date(2026, 10, 22 - daysAgo, hour).toISOString();

function look(person: string, started_at: string, ended_at: string | null, watched_us = MINUTE): Viewer {
  const named = { id: person, name: person, initials: "X" };
  return {
    play: `ply_${person}`,
    person: named,
    started_at,
    ended_at,
    reason: null,
    entry: 1,
    ranges: [],
    watched_us,
  };
}

function recording(id: string, started_at: string, viewers: Viewer[]): MyRecording {
  return {
    id,
    source: "web",
    state: "active",
    started_at,
    ended_at: started_at,
    duration_us: 10 * MINUTE,
    size_bytes: 1,
    segments: 1,
    site: null,
    subject: { id: "sub_1", label: "You" },
    summary: null,
    panes: [],
    kept_until: null,
    live: false,
    viewers,
    restorable_until: null,
  };
}

describe("looks", () => {
  const mine = recording("rec_1", at(3), [
    look("ann", at(2), at(2)),
    look("bob", at(0), null),
    look("me", at(1), null),
  ]);

  it("stand newest first, whichever recording they are of", () => {
    const other = recording("rec_2", at(9), [look("cy", at(1, 23), at(1, 23))]);
    expect(looksOf([other, mine]).map(({ viewer }) => viewer.person.id)).toEqual(["bob", "cy", "me", "ann"]);
  });

  it("go on now where they have not ended and are somebody else's", () => {
    expect(watchingNow(looksOf([mine]), "me").map(({ viewer }) => viewer.person.id)).toEqual(["bob"]);
  });
});

describe("the hall", () => {
  it("has a window for each of thirty days, today last", () => {
    const days = hallOf([], now, "me");
    expect(days).toHaveLength(DAYS);
    expect(days.at(-1)?.name).toBe("Today");
    expect(new Set(days.map((day) => day.key)).size).toBe(DAYS);
  });

  it("counts what was captured on the day it began, and looks on the day they were taken", () => {
    const days = hallOf(
      [recording("rec_1", at(3), [look("ann", at(1), at(1), 4 * MINUTE), look("me", at(1), at(1))])],
      now,
      "me",
    );
    expect(days.at(-4)?.capturedUs).toBe(10 * MINUTE);
    expect(days.at(-2)?.watchedUs).toBe(4 * MINUTE);
    expect(days.reduce((sum, day) => sum + day.watchedUs, 0)).toBe(4 * MINUTE);
  });

  it("leaves out what is older", () => {
    const days = hallOf([recording("rec_1", at(40), [])], now, "me");
    expect(days.every((day) => day.capturedUs === 0)).toBe(true);
  });
});

describe("what is said of lengths", () => {
  it("is in the unit one would use", () => {
    expect([40, 60, 18 * 60, 133 * 3600].map((s) => longWords(s * 1_000_000))).toEqual([
      "40 seconds",
      "60 seconds",
      "18 minutes",
      "133 hours",
    ]);
    expect(longWords(1_000_000)).toBe("1 second");
    expect([1, 120, 7200].map((s) => shortWords(s * 1_000_000))).toEqual(["1 s", "2 min", "2 h"]);
  });

  it("is drawn so that a little is not nothing", () => {
    expect([heightOf(0, 10), heightOf(1, 1000), heightOf(10, 10), heightOf(5, 0)]).toEqual([0, 6, 100, 0]);
  });
});

describe("what somebody saw", () => {
  it("tells a copy from a look", () => {
    const looked = look("ada", at(0), at(0));
    expect(seenWords(looked)).toMatch(/seen$/);
    expect(seenWords({ ...looked, watched_us: 0 })).toBe("nothing seen");
    expect(seenWords({ ...looked, copied: true })).toBe("taken along as a file");
  });
});
