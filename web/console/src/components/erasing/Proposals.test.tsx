import { expect, it, vi } from "vitest";
import { ada, draw, says, sessionOf, text } from "../../testing/draw";
import { Proposals } from "./Proposals";

const bo = { id: "per_2", name: "Bo", initials: "B" };
const proposal = {
  id: "epr_1",
  kind: "subject",
  target: "sub_3",
  about: { id: "sub_3", label: "Cleo", person: "per_3" },
  state: "waits",
  reason: "They asked by letter",
  asked_by: bo,
  asked_at: "2026-11-21T09:00:00Z",
  ends_at: "2126-11-28T09:00:00Z",
  alone: false,
  now: { recordings: 4, people: 1 },
  at_once: true,
  closes_at: null,
  decided_by: null,
};

function open(items: unknown[], allowed = ["erasure.read", "subject.erase"]) {
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ items }), { status: 200 }));
  draw(<Proposals />, sessionOf(allowed, { person: { ...ada, email: "ada@example.org", role: "privacy" } }));
}

it("shows the others beside one that cannot be opened, and says so of that", async () => {
  open([proposal, { ...proposal, id: "epr_2", reason: null }, { id: "epr_3", state: "waits" }]);
  await says("“They asked by letter”");
  await says("Why cannot be opened any more.");
  await says("1 proposed erasure cannot be shown");
  await says("epr_3");
});

it("says nothing of one that cannot be opened and waits for nobody", async () => {
  open([proposal, { id: "epr_3", state: "refused" }]);
  await says("They asked by letter");
  expect(text()).not.toContain("epr_3");
});

it("offers no decision on the organisation to whoever may erase people only", async () => {
  open([{ ...proposal, kind: "organisation", target: "org_1", about: null }]);
  await says("The whole organisation is to be erased");
  await says("Somebody else who may erase this agrees or refuses until");
  expect(document.querySelector("button")).toBeNull();
});
