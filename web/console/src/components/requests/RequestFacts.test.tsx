import type { ReactNode } from "react";
import { expect, it, vi } from "vitest";
import type { Proposal } from "../../api/erasing";
import type { DataRequest } from "../../api/types";
import { draw, onPage, sessionOf, text } from "../../testing/draw";
import { request } from "../../testing/request";
import { soon } from "../../testing/soon";
import { MyRequests } from "../mydata/MyRequests";
import { RequestFacts } from "./RequestFacts";

const bo = { id: "per_2", name: "Bo", initials: "B" };
const asked: DataRequest = { ...request, decided_by: bo, decided_at: "2026-11-21T09:00:00Z" };
const proposal: Proposal = {
  id: "epr_1",
  kind: "subject",
  target: "sub_1",
  about: request.about,
  state: "waits",
  at_once: true,
  closes_at: null,
  reason: "",
  asked_by: bo,
  asked_at: "2026-11-21T09:00:00Z",
  ends_at: "2026-11-28T09:00:00Z",
  alone: false,
  now: { recordings: 4, people: 1 },
  decided_by: null,
};
const now = new Date("2026-11-22T09:00:00Z");

const open = (what: ReactNode, allowed = ["request.manage", "subject.erase", "erasure.read"]) =>
  draw(onPage(what), sessionOf(allowed));
const buttons = () => [...document.querySelectorAll("button")].map(({ textContent }) => textContent);

it("says on the button that erasing somebody with an account is only proposed", async () => {
  open(<RequestFacts request={request} proposal={null} now={now} />);
  await soon(() => expect(buttons()).toContain("Propose to erase them"));
  expect(buttons()).not.toContain("Erase them for good");
});

it("says on the button that only their recordings go where they keep their account", async () => {
  open(<RequestFacts request={{ ...request, kind: "erase_recordings" }} proposal={null} now={now} />);
  await soon(() => expect(buttons()).toContain("Propose to erase their recordings"));
});

it("erases a visitor at once", async () => {
  const visitor = { ...request, about: { ...request.about, person: null } };
  open(<RequestFacts request={visitor} proposal={null} now={now} />);
  await soon(() => expect(buttons()).toContain("Erase them for good"));
});

it("says who proposed it, what waits and until when, and offers it no second time", async () => {
  open(<RequestFacts request={asked} proposal={proposal} now={now} />);
  await soon(() => expect(text()).toMatch(/Proposed, and nothing is erased yet\. Bo proposed it on/));
  expect(text()).toMatch(/4 recordings and 1 account would go\. You may agree or refuse until 28 Nov 2026/);
  expect(text()).toContain("Decide about it");
  expect(buttons()).toEqual(["Decline", "Take two months longer"]);
});

it("says that a second person is missing where no more may be known", async () => {
  open(<RequestFacts request={asked} proposal={null} now={now} />, ["request.manage"]);
  await soon(() => expect(text()).toContain("Somebody else who may erase people has to agree to it first."));
  expect(buttons()).not.toContain("Propose to erase them");
  expect(text()).not.toContain("See what waits");
});

it("says that nothing was erased where somebody refused", async () => {
  const refused = { ...proposal, state: "refused", decided_by: { id: "per_4", name: "Dee", initials: "D" } };
  open(<RequestFacts request={asked} proposal={refused} now={now} />);
  await soon(() => expect(text()).toMatch(/Nothing was erased\. What Bo proposed .* was refused by Dee/));
  expect(buttons()).toContain("Propose to erase them");
});

it("tells whoever asked that a second person is missing", async () => {
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ items: [asked] }), { status: 200 }));
  open(<MyRequests />);
  await soon(() => expect(text()).toContain("waits for a second person"));
  expect(text()).toContain("Nothing is erased before a second one agrees.");
});
