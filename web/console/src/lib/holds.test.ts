import { expect, test } from "vitest";
import type { Hold } from "../api/keeping";
import { grouped, history, meaning, offers, pending, reviewDue, scopeOf, waitsFor } from "./holds";

const ada = { id: "per_a", name: "Ada", initials: "A" };
const ben = { id: "per_b", name: "Ben", initials: "B" };
const now = new Date("2026-11-22T12:00:00Z");

function hold(more: Partial<Hold> = {}): Hold {
  return {
    id: "hld_1",
    scope: "recording",
    target: "rec_1",
    state: "proposed",
    matter: "Case 7",
    reason: "asked for",
    review_at: "2027-02-20T12:00:00Z",
    proposed: { by: ada, at: "2026-11-22T10:00:00Z" },
    placed: null,
    release_proposed: null,
    ended: null,
    happens_alone_at: null,
    keys: 0,
    ...more,
  };
}
const placed = { by: ben, at: "2026-11-22T11:00:00Z" };

test("whoever proposed it can only take it back; somebody else confirms", () => {
  expect(offers(hold(), "per_a")).toEqual(["withdraw"]);
  expect(offers(hold(), "per_b")).toEqual(["confirm", "withdraw"]);
  expect(waitsFor(hold(), "per_a")).toMatch(/nothing yet: somebody else than you/);
  expect(waitsFor(hold(), "per_b")).toMatch(/what Ada proposed/);
});

test("a release is decided by another than its proposer, whoever placed the hold", () => {
  const asked = hold({ state: "release_proposed", placed, release_proposed: { by: ben, at: placed.at } });
  expect(offers(asked, "per_b")).toEqual(["withdraw"]);
  expect(offers(asked, "per_a")).toEqual(["confirm", "withdraw"]);
  expect(waitsFor(asked, "per_a")).toMatch(/^It still stands/);
  expect(meaning(asked, "confirm")).toMatch(/can be erased again/);
  expect(meaning(hold(), "confirm")).toMatch(/nothing that it covers can be erased/);
});

test("what stands waits for nobody, even where a withdrawn release is still told", () => {
  const standing = hold({ state: "standing", placed, release_proposed: { by: ben, at: placed.at } });
  expect(pending(standing)).toBeNull();
  expect(offers(standing, "per_a")).toEqual(["release"]);
  expect(history(standing).map(({ what }) => what)).toEqual(["Proposed", "Confirmed"]);
});

test("what ended offers nothing", () => {
  const ended = hold({
    state: "released",
    placed,
    release_proposed: placed,
    ended: { by: null, at: placed.at },
  });
  expect(offers(ended, "per_a")).toEqual([]);
  expect(history(ended).at(-1)).toMatchObject({ what: "Released", who: "nobody: time passed" });
  expect(history(hold({ state: "withdrawn", ended: placed })).at(-1)?.what).toBe("Withdrawn");
});

test("only what is in force is to be looked at again", () => {
  const past = { review_at: "2026-11-22T12:00:00Z" };
  expect(reviewDue(hold({ ...past, state: "standing", placed }), now)).toBe(true);
  expect(reviewDue(hold({ ...past, state: "released", placed }), now)).toBe(false);
  expect(reviewDue(hold({ ...past }), now)).toBe(false);
});

test("each hold stands in one group", () => {
  const holds = [
    hold(),
    hold({ state: "standing", placed }),
    hold({ state: "standing", placed, review_at: "2026-01-01T00:00:00Z" }),
    hold({ state: "release_proposed", placed, release_proposed: placed, review_at: "2026-01-01T00:00:00Z" }),
    hold({ state: "withdrawn", ended: placed }),
  ];
  const groups = grouped(holds, now);
  expect(groups.map(({ name, holds }) => [name, holds.length])).toEqual([
    ["Wait for a second person", 2],
    ["To look at again", 1],
    ["In force", 1],
    ["Ended", 1],
  ]);
});

test("time that decides alone is told", () => {
  expect(waitsFor(hold({ happens_alone_at: "2026-11-29T10:00:00Z" }), "per_a")).toMatch(
    /by itself on 29 Nov/,
  );
});

test("an id says what it names", () => {
  const id = "0".repeat(32);
  expect(scopeOf(` rec_${id} `)).toEqual({ recording: `rec_${id}` });
  expect(scopeOf(`sub_${id}`)).toEqual({ subject: `sub_${id}` });
  expect(scopeOf(`sit_${id}`)).toEqual({ site: `sit_${id}` });
  expect(scopeOf(`per_${id}`)).toBeNull();
  expect(scopeOf("rec_1")).toBeNull();
});
