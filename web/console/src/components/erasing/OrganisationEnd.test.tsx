import { expect, it, vi } from "vitest";
import { ada, button, draw, sessionOf, text } from "../../testing/draw";
import { soon } from "../../testing/soon";
import { OrganisationEnd } from "./OrganisationEnd";

const organisation = { id: "org_1", name: "Example Ltd", region: "here", closes_at: null };
const bo = { id: "per_2", name: "Bo", initials: "B" };
const proposal = (more: object) => ({
  id: "epr_1",
  kind: "organisation",
  target: "org_1",
  about: null,
  state: "waits",
  reason: "we close",
  asked_by: bo,
  asked_at: "2026-11-21T09:00:00Z",
  ends_at: "2126-11-28T09:00:00Z",
  alone: false,
  now: { recordings: 40, people: 12 },
  at_once: true,
  closes_at: null,
  decided_by: null,
  ...more,
});

/** Opens it where this is proposed; what is sent is told. */
function open(items: object[]): unknown[] {
  const sent: unknown[] = [];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    if (init.method === "GET") return new Response(JSON.stringify({ items }), { status: 200 });
    sent.push(JSON.parse(String(init.body)));
    items.unshift(proposal({ asked_by: ada }));
    const answer = {
      id: "epr_2",
      now: { recordings: 40, people: 12 },
      ends_at: "2126-11-28T09:00:00Z",
      waits_for: "Somebody else agrees.",
    };
    return new Response(JSON.stringify(answer), { status: 202 });
  });
  draw(<OrganisationEnd />, sessionOf(["erasure.read", "organisation.erase"], { organisation }));
  return sent;
}

function type(field: HTMLInputElement | undefined, value: string) {
  if (!field) throw new Error("there is no such field");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

it("is proposed with the name typed and a reason, and says then how much would go", async () => {
  const sent = open([]);
  (await button("Propose to erase the organisation…")).click();
  const propose = await button("Propose to erase the organisation");
  expect(propose.disabled).toBe(true);
  const [name, reason] = [...document.querySelectorAll<HTMLInputElement>("input.in")];
  type(name, "Example");
  type(reason, "we close");
  await soon(() => expect(reason?.value).toBe("we close"));
  expect(propose.disabled).toBe(true);
  type(name, "example ltd");
  await soon(() => expect(propose.disabled).toBe(false));
  propose.click();
  await soon(() => expect(text()).toContain("40 recordings and 12 accounts would go. Somebody else agrees."));
  expect(sent).toEqual([{ target: { organisation: "org_1" }, reason: "we close", at_once: false }]);
  await soon(() => expect(text()).toContain("The whole organisation is to be erased"));
  await button("Take it back…");
});

it("shows what waits in place of the way to propose it", async () => {
  open([proposal({})]);
  await button("Agree and erase…");
  await button("Refuse…");
  expect(text()).toContain("40 recordings and 12 accounts. Proposed by Bo");
  expect(text()).not.toContain("Propose to erase");
});

it("says when it is erased while it closes, and how to keep it", async () => {
  open([proposal({ state: "closing", at_once: false, closes_at: "2126-12-28T09:00:00Z", decided_by: ada })]);
  await button("Keep the organisation…");
  expect(text()).toContain("Ada agreed. It is closing");
  expect(text()).not.toContain("Propose to erase");
});

it("says what came of the last one, and offers it again", async () => {
  open([proposal({ state: "refused", decided_by: ada })]);
  await button("Propose to erase the organisation…");
  expect(text()).toMatch(/What Bo proposed on .* was refused by Ada\./);
});
