import { expect, it, vi } from "vitest";
import { button, draw, says, sessionOf } from "../../testing/draw";
import { SweepCard } from "./SweepCard";

const at = "2026-11-22T10:00:00Z";
/** A server whose sweep waits; it takes a confirmation of as many as are due, and counts anew where it is of fewer. */
function open(allowed: string[], due: { shown: number; by: number }): unknown[] {
  const confirmed: unknown[] = [];
  let now = due.shown;
  let waits: string | null = at;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (url.endsWith("/confirm")) {
      const body = JSON.parse(String(init.body));
      confirmed.push(body);
      now = due.by;
      if (body.due < now) {
        const problem = {
          type: "urn:clerestory:problem:more-due-than-shown",
          title: "More is due by now",
          status: 409,
          detail: "More is due than was shown.",
        };
        return new Response(JSON.stringify(problem), { status: 409 });
      }
      waits = null;
      return new Response(JSON.stringify({ confirmed: true }), { status: 200 });
    }
    const sweep = {
      swept_at: at,
      swept: 0,
      waits_since: waits,
      due: now,
      expected: 3,
      confirmed_at: null,
      clock_in_doubt: false,
    };
    return new Response(JSON.stringify(sweep), { status: 200 });
  });
  draw(<SweepCard />, sessionOf(allowed));
  return confirmed;
}

const press = async (name: string) => (await button(name)).click();

it("confirms the number that was shown, and shows the new one where more is due by then", async () => {
  const confirmed = open(["retention.confirm"], { shown: 900, by: 2000 });
  await says(/900 recordings are due to be erased, and 3 had been foreseen/);
  await press("Look and confirm…");
  await press("Erase 900 recordings");
  await says(/More is due than was shown/);
  await press("Erase 2,000 recordings");
  await says(/Nothing was due/);
  expect(confirmed).toEqual([{ due: 900 }, { due: 2000 }]);
});

it("tells of it, and offers nothing, to those who may not confirm", async () => {
  open([], { shown: 900, by: 900 });
  await says(/The sweep waits/);
  expect(document.querySelector("button")).toBeNull();
});
