import { expect, test } from "vitest";
import type { KeyItem } from "../api/keys";
import { byEnd, keyEnd, scopeWords } from "./apiKeys";

const now = new Date("2026-11-22T12:00:00Z");
const key = (name: string, expires_at: string): KeyItem => ({
  id: name,
  name,
  scopes: [],
  made_by: { id: "per_1", name: "Ada", initials: "A" },
  made_at: "2026-01-01T00:00:00Z",
  expires_at,
  last_used_at: null,
});

test("a key ends at its moment, and soon in its last two weeks", () => {
  expect(keyEnd(key("a", "2026-11-22T12:00:00Z"), now)).toBe("ended");
  expect(keyEnd(key("a", "2026-12-06T11:59:59Z"), now)).toBe("soon");
  expect(keyEnd(key("a", "2026-12-06T12:00:00Z"), now)).toBe("later");
});

test("what ends first stands first, what has ended last", () => {
  const keys = [
    key("over", "2026-11-01T00:00:00Z"),
    key("later", "2027-11-01T00:00:00Z"),
    key("soon", "2026-11-30T00:00:00Z"),
  ];
  expect(byEnd(keys, now).map(({ name }) => name)).toEqual(["soon", "later", "over"]);
});

test("a scope this console does not know keeps its own words", () => {
  expect(scopeWords("recording.list")).toMatch(/^list recordings/);
  expect(scopeWords("webhook.send")).toBe("webhook send");
});
