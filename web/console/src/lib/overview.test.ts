import { describe, expect, test } from "vitest";
import type { KeyItem } from "../api/keys";
import type { AuditItem, Finding } from "../api/types";
import { namesOf } from "./format";
import {
  factorLine,
  healthLine,
  holdsLine,
  invitedLine,
  keptOutLine,
  keysLine,
  refusedLine,
  summary,
  sweepLine,
} from "./overview";

const now = new Date("2026-11-22T12:00:00Z");

describe("names", () => {
  test("are listed up to three", () => {
    expect(namesOf([])).toBe("");
    expect(namesOf(["Ada"])).toBe("Ada");
    expect(namesOf(["Ada", "Ben", "Cleo"])).toBe("Ada, Ben and Cleo");
    expect(namesOf(["Ada", "Ben", "Cleo", "Dan", "Eve"])).toBe("Ada, Ben, Cleo and 2 more");
  });
  test("of a list that goes on are never said to be all", () => {
    expect(namesOf(["Ada"], true)).toBe("Ada and others");
    expect(namesOf(["Ada", "Ben", "Cleo", "Dan"], true)).toBe("Ada, Ben, Cleo and 1 more at least");
  });
});

test("a password alone, and an app without codes, need somebody", () => {
  expect(factorLine(null, 0).level).toBe("attention");
  expect(factorLine("2026-01-01T00:00:00Z", 0).level).toBe("attention");
  expect(factorLine("2026-01-01T00:00:00Z", 10).level).toBe("ok");
});

test("who was invited and has not come is told by name", () => {
  expect(invitedLine([], false).level).toBe("ok");
  expect(invitedLine([{ name: "Ada" }], false)).toEqual({
    level: "attention",
    sentence: "1 person was invited and has not come.",
    note: "Ada.",
  });
  expect(invitedLine([{ name: "Ada" }], true).sentence).toBe(
    "More than 1 person were invited and have not come.",
  );
  expect(keptOutLine([{ name: "Ada" }, { name: "Ben" }], false).sentence).toBe(
    "Ada and Ben are kept out for a time.",
  );
});

test("keys that end soon come before those that ended", () => {
  const key = (name: string, expires_at: string) => ({ name, expires_at }) as KeyItem;
  const ended = key("old", "2026-11-01T00:00:00Z");
  const soon = key("report", "2026-11-25T00:00:00Z");
  expect(keysLine([], now)).toMatchObject({ level: "ok" });
  expect(keysLine([ended, soon], now).sentence).toBe("1 API key ends within two weeks.");
  expect(keysLine([ended], now).sentence).toBe("1 API key has ended.");
  expect(keysLine([key("later", "2027-06-01T00:00:00Z")], now).level).toBe("ok");
});

test("a hold waits for whoever may confirm it, not for whoever proposed it", () => {
  const by = { id: "per_a", name: "Ada", initials: "A" };
  const hold = {
    id: "hld_1",
    scope: "organisation",
    target: "org_1",
    state: "proposed",
    matter: "Case 7",
    reason: "",
    review_at: "2026-01-01T00:00:00Z",
    proposed: { by, at: "2026-01-01T00:00:00Z" },
    placed: null,
    release_proposed: null,
    ended: null,
    happens_alone_at: null,
    keys: 0,
  };
  expect(holdsLine([hold], "per_b", now).sentence).toBe("1 hold waits for you.");
  expect(holdsLine([hold], "per_a", now)).toMatchObject({
    level: "ok",
    note: "1 of yours waits for somebody else.",
  });
  const standing = { ...hold, state: "standing" };
  expect(holdsLine([standing], "per_a", now).sentence).toBe("1 hold was to be looked at again by now.");
});

test("a sweep that waits is the worst there is, until it is confirmed", () => {
  const at = "2026-11-22T10:00:00Z";
  const waits = {
    swept_at: at,
    swept: 0,
    waits_since: at,
    due: 900,
    expected: 3,
    confirmed_at: null,
    clock_in_doubt: false,
  };
  expect(sweepLine(waits).level).toBe("failed");
  expect(sweepLine({ ...waits, confirmed_at: at }).level).toBe("ok");
});

test("health tells what failed first, and leaves out what has a line of its own", () => {
  const finding = (id: string, level: Finding["level"]): Finding => ({
    id,
    level,
    sentence: `about ${id}`,
    what_to_do: null,
  });
  const findings = [
    finding("disk", "ok"),
    finding("root", "attention"),
    finding("certificate", "failed"),
    finding("holds", "attention"),
  ];
  expect(healthLine(findings)).toEqual({
    level: "failed",
    sentence: "2 checks need somebody.",
    note: "about certificate",
  });
  expect(healthLine([finding("sweep-waits", "attention")]).level).toBe("ok");
});

test("refused sign-ins are attention from the third of one person", () => {
  const entry = (name: string | null) =>
    ({ actor: { kind: "person", id: null, name }, object: null }) as AuditItem;
  expect(refusedLine([], false).level).toBe("ok");
  expect(refusedLine([entry("Ada"), entry("Ada"), entry("Ben")], false)).toEqual({
    level: "ok",
    sentence: "3 sign-ins were refused in the last 7 days.",
    note: "Ada (2 times) and Ben.",
  });
  expect(refusedLine([entry(null), entry(null), entry(null)], false)).toMatchObject({
    level: "attention",
    note: "somebody unknown (3 times).",
  });
});

test("the sum counts what is open", () => {
  expect(summary([{ level: "ok", sentence: "" }])).toMatch(/^Nothing/);
  expect(
    summary([
      { level: "failed", sentence: "" },
      { level: "ok", sentence: "" },
    ]),
  ).toBe("1 line needs somebody.");
});
