import { expect, test } from "vitest";
import type { Proposal } from "../api/erasing";
import { formatMoment } from "./format";
import { proposalsLine } from "./overview";
import {
  afterWords,
  doomedWords,
  extentWords,
  lastOf,
  outcomeWords,
  proposalOffers,
  proposalVerb,
  waitWords,
} from "./proposals";

const ada = { id: "per_1", name: "Ada", initials: "A" };
const proposal: Proposal = {
  id: "epr_1",
  kind: "subject",
  target: "sub_1",
  about: { id: "sub_1", label: "Cleo", person: "per_3" },
  state: "waits",
  reason: "They asked by letter",
  asked_by: ada,
  asked_at: "2026-11-22T09:00:00Z",
  ends_at: "2026-11-29T09:00:00Z",
  alone: false,
  now: { recordings: 1, people: 1 },
  at_once: true,
  closes_at: null,
  decided_by: null,
};

const alone: Proposal = { ...proposal, alone: true };
const organisation: Proposal = { ...proposal, kind: "organisation", target: "org_1", about: null };
const admin = (me: string) => ({ me, allowed: ["erasure.read", "subject.erase", "organisation.erase"] });
const privacy = (me: string) => ({ me, allowed: ["erasure.read", "subject.erase"] });
const reader = { me: "per_4", allowed: ["erasure.read"] };
const now = new Date("2026-11-23T09:00:00Z");

test("whoever proposed it takes it back, others decide, and whom it is about does neither", () => {
  expect(proposalOffers(proposal, admin("per_1"))).toEqual(["withdraw"]);
  expect(proposalOffers(proposal, admin("per_2"))).toEqual(["agree", "refuse"]);
  expect(proposalOffers(proposal, admin("per_3"))).toEqual([]);
  expect(proposalOffers({ ...proposal, state: "over" }, admin("per_2"))).toEqual([]);
});

test("only those who may erase what it is about are offered anything", () => {
  expect(proposalOffers(proposal, privacy("per_2"))).toEqual(["agree", "refuse"]);
  expect(proposalOffers(organisation, privacy("per_2"))).toEqual([]);
  expect(proposalOffers(organisation, admin("per_2"))).toEqual(["agree", "refuse"]);
  expect(proposalOffers(proposal, reader)).toEqual([]);
  expect(proposalOffers({ ...proposal, asked_by: { ...ada, id: reader.me } }, reader)).toEqual([]);
  expect(proposalsLine([proposal, organisation], reader)).toEqual({
    level: "ok",
    sentence: "No erasure waits for you.",
  });
});

test("what waits says for whom, and until when", () => {
  const end = formatMoment(proposal.ends_at);
  expect(waitWords(proposal, admin("per_1"), now)).toBe(
    `Somebody else who may erase this agrees or refuses until ${end}; after that it is over.`,
  );
  expect(waitWords(proposal, admin("per_2"), now)).toMatch(/^You may agree or refuse until/);
  expect(waitWords({ ...proposal, state: "refused" }, admin("per_2"), now)).toBeNull();
});

test("that nobody else could agree is said as it was, and ends with whoever can", () => {
  expect(waitWords(alone, admin("per_1"), now)).toMatch(/If that is still so on .* happens by itself then/);
  expect(waitWords(alone, admin("per_2"), now)).toMatch(/You can, so it does not happen by itself any more/);
  const after = new Date("2026-11-29T09:00:01Z");
  expect(waitWords(alone, admin("per_1"), after)).toMatch(/^Its time ended on/);
  expect(proposalsLine([alone], admin("per_1")).note).toMatch(/^1 of yours happens by itself, unless/);
});

test("an organisation closes before it is erased, and whoever may erase it keeps it", () => {
  const later: Proposal = { ...organisation, at_once: false };
  expect(proposalVerb(later, "agree")).toBe("Agree and close");
  expect(afterWords(later, "agree")).toContain("For 30 days");
  expect(waitWords({ ...later, alone: true }, admin("per_1"), now)).toContain("30 days of closing begin");
  const closes_at = "2026-12-22T09:00:00Z";
  const closing: Proposal = { ...later, state: "closing", decided_by: { ...ada, name: "Bo" }, closes_at };
  for (const me of ["per_1", "per_2"]) expect(proposalOffers(closing, admin(me))).toEqual(["withdraw"]);
  expect(proposalOffers(closing, privacy("per_2"))).toEqual([]);
  expect(proposalVerb(closing, "withdraw")).toBe("Keep the organisation");
  expect(waitWords(closing, reader, now)).toContain(`erased on ${formatMoment(closes_at)}`);
});

test("what would go is said in words", () => {
  expect(doomedWords(proposal)).toBe("Everything about Cleo");
  expect(doomedWords({ ...proposal, kind: "recordings" })).toBe("Every recording about Cleo");
  expect(doomedWords({ kind: "organisation", about: null })).toBe("The whole organisation");
  expect(extentWords({ recordings: 2, people: 1 })).toBe("2 recordings and 1 account");
  expect(extentWords({ recordings: 2, people: 0 })).toBe("2 recordings");
});

test("the overview tells what waits for whoever looks", () => {
  expect(proposalsLine([proposal], admin("per_2"))).toMatchObject({
    level: "attention",
    note: "Everything about Cleo.",
  });
  expect(proposalsLine([proposal], admin("per_1")).level).toBe("ok");
  expect(proposalsLine([], admin("per_1")).level).toBe("ok");
});

test("what came to nothing says how", () => {
  expect(outcomeWords({ state: "refused", decided_by: ada })).toBe("was refused by Ada");
  expect(outcomeWords({ state: "withdrawn", decided_by: null })).toBe("came to nothing at its end");
  expect(outcomeWords({ state: "over", decided_by: null })).toMatch(/^is over/);
  expect(outcomeWords(proposal)).toBeNull();
  expect(lastOf([proposal, organisation, alone], "organisation")).toBe(organisation);
  expect(lastOf([proposal], "organisation")).toBeNull();
});
