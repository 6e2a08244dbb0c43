import { describe, expect, it } from "vitest";
import type { SupportItem } from "../api/support";
import { endWords, halves, knownSupporters, leftToRun, mayWords, untilWords } from "./support";

const now = new Date("2026-11-22T10:00:00Z");
const item = (more: Partial<SupportItem>): SupportItem => ({
  id: "sup_1",
  person: { id: "per_1", name: "Rae", initials: "R" },
  came: true,
  rights: ["recording.list"],
  node: null,
  reason: "r",
  made_by: { id: "per_2", name: "Juno", initials: "J" },
  begins_at: "2026-11-22T09:00:00Z",
  ends_at: "2026-11-22T12:00:00Z",
  ended_at: null,
  ended_by: null,
  running: false,
  ...more,
});

describe("help from outside", () => {
  it("says how long it still runs, to the minute", () => {
    expect(leftToRun("2026-11-22T10:00:20Z", now)).toBe("1 min");
    expect(leftToRun("2026-11-22T12:05:00Z", now)).toBe("2 h 5 min");
    expect(leftToRun("2026-11-24T13:00:00Z", now)).toBe("2 d 3 h");
    expect(leftToRun("2026-11-22T10:00:00Z", now)).toBe("no time");
  });
  it("names the day only where it is another one", () => {
    expect(untilWords("2026-11-22T10:30:00Z", now)).not.toContain("on");
    expect(untilWords("2026-11-25T10:30:00Z", now)).toContain("on 25 Nov 2026");
  });
  it("says what they may, three things at most", () => {
    expect(mayWords(["recording.list", "recording.play"])).toBe(
      "see recordings in lists and watch recordings",
    );
    expect(mayWords(["recording.list", "recording.play", "audit.read", "hold.read"])).toMatch(/ and 1 more$/);
  });
  it("lends a part of the organisation only what is asked of recordings", () => {
    expect(halves(["recording.play", "setting.read", "view.ask"])).toEqual({
      parts: ["recording.play", "view.ask"],
      whole: ["setting.read"],
    });
  });
  it("offers whoever was let in before once, and not while they are in", () => {
    const other = { id: "per_3", name: "Sol", initials: "S" };
    const items = [
      item({}),
      item({ id: "sup_2" }),
      item({ person: other, running: true }),
      item({ person: other }),
    ];
    expect(knownSupporters(items)).toEqual([{ id: "per_1", name: "Rae" }]);
  });
  it("tells how it came to its end", () => {
    expect(endWords(item({}))).toMatch(/^ran out on 22 Nov 2026/);
    const ended_at = "2026-11-22T10:00:00Z";
    expect(endWords(item({ ended_at, ended_by: item({}).made_by }))).toMatch(/^ended by Juno on/);
    expect(endWords(item({ ended_at }))).toContain("with the account of who made it");
  });
});
