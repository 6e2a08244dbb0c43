import * as v from "valibot";
import { expect, it } from "vitest";
import { PlaceBlockList } from "./blocks";
import { ProposalList } from "./erasing";
import { PersonList } from "./types";

const ada = { id: "per_1", name: "Ada", initials: "A" };
const person = {
  ...ada,
  subject: "sub_1",
  email: "ada@example.org",
  role: "admin",
  also: [],
  state: "active",
  blocked_until: null,
  team: null,
  manager: null,
  created_at: "2026-11-22T09:00:00Z",
};
const block = {
  id: "blk_1",
  network: "203.0.113.0/24",
  device: null,
  person: null,
  reason: "guessing",
  set_by: ada,
  since: "2026-11-22T09:00:00Z",
  ends_at: "2026-11-23T09:00:00Z",
  runs: true,
  lifted_by: null,
  lift_reason: null,
};
const proposal = {
  id: "epr_1",
  kind: "organisation",
  target: "org_1",
  about: null,
  state: "waits",
  reason: null,
  asked_by: ada,
  asked_at: "2026-11-22T09:00:00Z",
  ends_at: "2026-11-29T09:00:00Z",
  alone: false,
  now: { recordings: 1, people: 1 },
  at_once: true,
  closes_at: null,
  decided_by: null,
};

it("shows the people that can be read beside one of whom nothing is left", () => {
  const items = [person, { ...person, id: "per_2", name: null, email: null }];
  const read = v.parse(PersonList, { items, next_cursor: "per_2", entry: 7 });
  expect(read.items.map(({ id }) => id)).toEqual(["per_1"]);
  expect(read.broken).toEqual([{ id: "per_2", state: "active" }]);
  expect(read).toMatchObject({ next_cursor: "per_2", entry: 7 });
});

it("shows the blocks that can be read beside one whose reason or setter is gone", () => {
  const items = [{ ...block, id: "blk_2", reason: null }, block, { ...block, id: "blk_3", set_by: null }];
  const read = v.parse(PlaceBlockList, { items });
  expect(read.items.map(({ id }) => id)).toEqual(["blk_1"]);
  expect(read.broken.map(({ id }) => id)).toEqual(["blk_2", "blk_3"]);
});

it("shows a proposal whose reason is gone, and names one of which more is", () => {
  const read = v.parse(ProposalList, { items: [proposal, { id: "epr_2", state: "waits" }, "nothing"] });
  expect(read.items.map(({ id }) => id)).toEqual(["epr_1"]);
  expect(read.broken).toEqual([
    { id: "epr_2", state: "waits" },
    { id: null, state: null },
  ]);
});

it("still refuses what is no list", () => {
  expect(v.safeParse(ProposalList, { items: null }).success).toBe(false);
  expect(v.safeParse(PersonList, { items: [] }).success).toBe(false);
});
