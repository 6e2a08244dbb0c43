import { describe, expect, it } from "vitest";
import type { RecordingItem } from "../api/types";
import {
  dayLine,
  joined,
  panesSentence,
  pathOf,
  refreshed,
  runs,
  sourceOf,
  step,
  whereLine,
} from "./recording";

function item(id: string, more: Partial<RecordingItem> = {}): RecordingItem {
  return {
    id,
    source: "web",
    state: "active",
    started_at: "2026-11-20T14:52:00.000000Z",
    ended_at: null,
    duration_us: 494_000_000,
    size_bytes: 1000,
    segments: 99,
    site: { id: "sit_1", name: "Shop" },
    subject: { id: "sub_1", label: "Marble Finch" },
    summary: {
      title: null,
      url: "https://shop.example/checkout",
      pages: 14,
      clicks: 3,
      inputs: 0,
      errors: 0,
    },
    panes: ["a0", "gap", "gap", "a1", "gap", "cut"],
    kept_until: null,
    viewers: [],
    live: false,
    ...more,
  };
}

describe("what a row says", () => {
  it("names site, page and number of pages", () =>
    expect(whereLine(item("a"))).toBe("Shop, /checkout, 14 pages"));
  it("says so where there is no site", () =>
    expect(whereLine(item("a", { site: null, summary: null }))).toBe("Imported"));
  it("names a screen, and the page with its site", () => {
    const screen = item("a", { source: "screen", site: null });
    expect(whereLine(screen)).toBe("Screen, shop.example/checkout, 14 pages");
    expect(sourceOf("screen").icon).toBe("screen");
    expect(sourceOf("live").short).toBe("live");
  });
  it("takes the path of an address and leaves other text alone", () => {
    expect(pathOf("https://shop.example/a/b?c=1")).toBe("/a/b");
    expect(pathOf("not an address")).toBe("not an address");
  });
  it("tells the row of panes as a sentence", () => {
    expect(panesSentence(item("a"))).toBe("8 min 14 s captured, in 99 segments, 2 gaps, 1 part taken out.");
    expect(panesSentence(item("a", { panes: ["a1", "now"], live: true }))).toMatch(/still going on\.$/);
  });
  it("counts runs, not panes", () => expect(runs(["gap", "gap", "a", "gap"], "gap")).toBe(2));
});

describe("moving and refreshing", () => {
  it("stops at both ends", () => {
    expect(step(-1, 1, 3)).toBe(0);
    expect(step(-1, -1, 3)).toBe(2);
    expect(step(2, 1, 3)).toBe(2);
    expect(step(0, -1, 3)).toBe(0);
    expect(step(0, 1, 0)).toBe(-1);
  });
  it("changes rows in place and adds none", () => {
    const list = refreshed([item("a"), item("b")], [item("b", { segments: 100 }), item("c")]);
    expect(list.map((row) => [row.id, row.segments])).toEqual([
      ["a", 99],
      ["b", 100],
    ]);
  });
  it("shows a row once that stands on two pages", () => {
    expect(
      joined([
        [item("a"), item("b")],
        [item("b"), item("c")],
      ]).map((row) => row.id),
    ).toEqual(["a", "b", "c"]);
  });
});

it("says in the list of a day when it began, where that was before", () => {
  const where = whereLine(item("a"));
  const begun = (started_at: string) => dayLine(item("a", { started_at }), "2026-11-20");
  expect(begun("2026-11-20T00:00:00Z")).toBe(where);
  expect(begun("2026-11-19T23:59:59Z")).toMatch(/^Began on .*2026, \d\d:\d\d; /);
  expect(dayLine(item("a", { started_at: "2020-01-01T00:00:00Z" }), null)).toBe(where);
});
