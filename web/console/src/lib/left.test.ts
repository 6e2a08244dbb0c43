import { expect, test } from "vitest";
import { leftPanes } from "./left";

const from = "2026-11-01T00:00:00.000000Z";
const lit = (panes: readonly string[]) => panes.filter((pane) => pane !== "none").length;

test("a time that has not begun is whole, one that ended is empty", () => {
  expect(lit(leftPanes(from, "2027-01-30T00:00:00Z", new Date(from)))).toBe(9);
  expect(lit(leftPanes(from, "2027-01-30T00:00:00Z", new Date("2027-02-01T00:00:00Z")))).toBe(0);
});

test("a window goes out only when all of it has passed", () => {
  expect(lit(leftPanes(from, "2026-11-10T00:00:00Z", new Date("2026-11-01T12:00:00Z")))).toBe(9);
  expect(lit(leftPanes(from, "2026-11-10T00:00:00Z", new Date("2026-11-02T00:00:00Z")))).toBe(8);
});

test("the last two weeks are copper", () => {
  expect(leftPanes(from, "2027-01-30T00:00:00Z", new Date("2027-01-15T00:00:00Z"))[0]).toBe("a3");
  expect(leftPanes(from, "2027-01-30T00:00:00Z", new Date("2027-01-17T00:00:00Z"))[0]).toBe("copper");
});

test("without an end, or with one before its beginning, nothing passes", () => {
  expect(lit(leftPanes(from, null, new Date("2030-01-01T00:00:00Z")))).toBe(9);
  expect(lit(leftPanes(from, from, new Date("2030-01-01T00:00:00Z")))).toBe(9);
});
