import { describe, expect, it, vi } from "vitest";
import {
  ago,
  dayOf,
  formatBytes,
  formatClock,
  formatCount,
  formatMoment,
  formatSpan,
  plural,
  shorten,
  timeLeft,
} from "./format";

const now = new Date(2026, 10, 20, 15, 0, 0);
const before = (ms: number) => new Date(now.getTime() - ms).toISOString();

describe("clocks and spans", () => {
  it.each([
    [0, "00:00"],
    [999_999, "00:00"],
    [494_000_000, "08:14"],
    [3_852_000_000, "1:04:12"],
    [-5, "00:00"],
  ])("%i µs is %s", (us, text) => expect(formatClock(us)).toBe(text));

  it.each([
    [400_000, "0 s"],
    [59_600_000, "1 min"],
    [494_000_000, "8 min 14 s"],
    [3_840_000_000, "1 h 4 min"],
    [3_600_000_000, "1 h"],
  ])("%i µs is spoken as %s", (us, text) => expect(formatSpan(us)).toBe(text));
});

describe("sizes and counts", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KB"],
    [4120, "4.1 KB"],
    [99_949, "99.9 KB"],
    [99_950, "100 KB"],
    [999_600, "1.0 MB"],
    [38_400_000, "38.4 MB"],
  ])("%i bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it("sets thousands apart", () => {
    expect(formatCount(18_204)).toBe("18,204");
    expect(formatCount(1_000_000)).toBe("1,000,000");
    expect(formatCount(999)).toBe("999");
  });

  it("knows one from many", () => {
    expect(plural(1, "page")).toBe("1 page");
    expect(plural(0, "page")).toBe("0 pages");
    expect(plural(2, "entry", "entries")).toBe("2 entries");
  });
});

describe("moments", () => {
  it.each([
    [0, "UTC"],
    [-60, "UTC+1"],
    [210, "UTC−3:30"],
  ])("%i minutes behind UTC are told in their zone", (minutes, zone) => {
    vi.spyOn(Date.prototype, "getTimezoneOffset").mockReturnValue(minutes);
    expect(formatMoment("2026-11-20T14:52:07Z")).toMatch(/^\d\d? Nov 2026, \d\d:\d\d:07 /);
    expect(formatMoment("2026-11-20T14:52:07Z").endsWith(` ${zone}`)).toBe(true);
    vi.restoreAllMocks();
  });
});

describe("days", () => {
  it("names today, yesterday and the rest", () => {
    expect(dayOf(before(60_000), now)).toEqual({ key: "2026-11-20", name: "Today", date: "Fri 20 Nov" });
    expect(dayOf(before(20 * 3_600_000), now).name).toBe("Yesterday");
    expect(dayOf(new Date(2026, 10, 3, 9).toISOString(), now)).toMatchObject({ name: "Tue", date: "3 Nov" });
    expect(dayOf(new Date(2025, 10, 3, 9).toISOString(), now).date).toBe("3 Nov 2025");
  });

  it("counts calendar days, not spans of 24 hours", () => {
    const justAfterMidnight = new Date(2026, 10, 20, 0, 5);
    expect(dayOf(new Date(2026, 10, 19, 23, 55).toISOString(), justAfterMidnight).name).toBe("Yesterday");
  });
});

describe("how long", () => {
  it("says how long ago", () => {
    expect(ago(before(500), now)).toBe("just now");
    expect(ago(before(12_000), now)).toBe("12 s ago");
    expect(ago(before(3 * 86_400_000), now)).toBe("3 d ago");
  });

  it("says how long something is kept, and when that is soon", () => {
    const after = (ms: number) => new Date(now.getTime() + ms).toISOString();
    expect(timeLeft(after(90 * 86_400_000), now)).toEqual({ text: "90 d", soon: false });
    expect(timeLeft(after(13.5 * 86_400_000), now)).toEqual({ text: "13 d", soon: true });
    expect(timeLeft(after(5 * 3_600_000), now)).toEqual({ text: "5 h", soon: true });
    expect(timeLeft(after(-1), now)).toEqual({ text: "ended", soon: true });
    expect(timeLeft(null, now).soon).toBe(false);
  });
});

describe("shortening", () => {
  it("keeps both ends and never makes a text longer", () => {
    expect(shorten("trk_8f2e00000000000041ab", 8, 4)).toBe("trk_8f2e…41ab");
    expect(shorten("short")).toBe("short");
    expect(shorten("1234567890123", 8, 4)).toBe("1234567890123");
  });
});
