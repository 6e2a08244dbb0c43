import { expect, it } from "vitest";
import type { Proposal } from "../api/erasing";
import type { DataRequest } from "../api/types";
import { request } from "../testing/request";
import { available, isProposed, kindName, proposalFor, standing, takesTwo, waits } from "./requests";

const now = new Date("2026-11-22T09:00:00Z");

const open: DataRequest = { ...request, kind: "export" };

it("says how a request stands", () => {
  expect(standing(open, now)).toMatch(/^due in 4 weeks|^due in 28 d/);
  expect(standing({ ...open, overdue: true }, now)).toMatch(/^was due on /);
  expect(standing({ ...open, state: "declined" }, now)).toBe("declined");
  const erasure = { id: "era_1", state: "restricted", means: "" };
  expect(standing({ ...open, kind: "erase", erasure }, now)).toBe("kept by a legal hold");
  expect(standing({ ...open, kind: "erase", erasure: { ...erasure, state: "shredded" } }, now)).toBe(
    "being erased",
  );
  expect(standing({ ...open, kind: "erase", state: "done" }, now)).toBe("erased");
});

it("waits for somebody until it is decided, and is had until its time is over", () => {
  expect(waits(open)).toBe(true);
  expect(waits({ ...open, state: "done" })).toBe(false);
  expect(waits({ ...open, erasure: { id: "era_1", state: "purge_queued", means: "" } })).toBe(false);
  expect(available({ ...open, available_until: "2026-11-22T09:00:01Z" }, now)).toBe(true);
  expect(available({ ...open, available_until: "2026-11-22T09:00:00Z" }, now)).toBe(false);
});

it("calls a kind it does not know by its own word", () => {
  expect(kindName("erase")).toBe("To be erased");
  expect(kindName("rectify")).toBe("rectify");
});

const erase: DataRequest = { ...open, kind: "erase" };
const asked: DataRequest = { ...erase, decided_at: "2026-11-21T09:00:00Z", decided_by: open.asked_by };
const proposal: Proposal = {
  id: "epr_1",
  kind: "subject",
  target: "sub_1",
  about: open.about,
  state: "waits",
  reason: "",
  asked_by: open.asked_by,
  asked_at: "2026-11-21T09:00:00Z",
  ends_at: "2026-11-28T09:00:00Z",
  alone: false,
  now: { recordings: 1, people: 1 },
  at_once: true,
  closes_at: null,
  decided_by: null,
};

it("takes two to erase somebody with an account", () => {
  expect(takesTwo(erase)).toBe(true);
  expect(takesTwo({ ...erase, about: { ...erase.about, person: null } })).toBe(false);
  expect(takesTwo(open)).toBe(false);
  expect(takesTwo({ ...erase, kind: "erase_recordings" })).toBe(true);
});

it("tells what was proposed for it from what was proposed for another request of theirs", () => {
  const recordings = { ...asked, kind: "erase_recordings" };
  expect(proposalFor(recordings, [proposal])).toBeNull();
  const other = { ...proposal, id: "epr_2", kind: "recordings" };
  expect(proposalFor(recordings, [proposal, other])?.id).toBe("epr_2");
  expect(proposalFor(asked, [other, proposal])?.id).toBe("epr_1");
  expect(standing({ ...recordings, state: "done" }, now)).toBe("erased");
});

it("is not done where it is proposed: it waits for a second person", () => {
  expect(isProposed(erase)).toBe(false);
  expect(isProposed(asked)).toBe(true);
  expect(standing(asked, now)).toBe("waits for a second person");
  expect(standing({ ...asked, overdue: true }, now)).toMatch(/^waits for a second person, was due on /);
  const erasure = { id: "era_1", state: "purge_queued", means: "" };
  expect(standing({ ...asked, erasure }, now)).toBe("being erased");
});

it("waits for nobody once what was proposed came to nothing", () => {
  expect(proposalFor(asked, [proposal])).toBe(proposal);
  expect(proposalFor(asked, [{ ...proposal, target: "sub_2" }])).toBeNull();
  expect(proposalFor(erase, [proposal])).toBeNull();
  expect(standing(asked, now, { ...proposal, state: "refused" })).toMatch(/^due in /);
});
