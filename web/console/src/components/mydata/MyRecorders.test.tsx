import { expect, it, vi } from "vitest";
import { ada, button, draw, sessionOf, text } from "../../testing/draw";
import { soon } from "../../testing/soon";
import { MyRecorders } from "./MyRecorders";

const bo = { id: "per_2", name: "Bo", initials: "B" };
const recorder = (id: string, label: string, more: object = {}) => ({
  id,
  label,
  person: ada,
  enrolled_at: "2026-11-20T08:00:00Z",
  last_used_at: null,
  ...more,
});
const all = ["recorder.enrol", "recorder.read", "recorder.end"];

/** Shows what is enrolled; what is asked for is told. */
function open(items: object[], allowed: string[] = all): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    asked.push(`${init.method} ${url.replace("/api/v1", "")}`);
    if (init.method === "DELETE") {
      items.shift();
      return new Response(null, { status: 204 });
    }
    if (init.method === "GET") return new Response(JSON.stringify({ items }), { status: 200 });
    const link = "https://desk.example/enrol#code=cre_abc";
    const code = { code: "cre_abc", expires_at: "2026-11-22T09:10:00Z", link };
    return new Response(JSON.stringify(code), { status: 201 });
  });
  draw(<MyRecorders person={ada.id} />, sessionOf(allowed));
  return asked;
}

it("shows one's own, and ends one when that is meant", async () => {
  const asked = open([recorder("rcr_1", "The laptop"), recorder("rcr_2", "The desk", { person: bo })]);
  await soon(() => expect(text()).toContain("The laptop"));
  expect(text()).toContain("never heard of since");
  expect(text()).not.toContain("The desk");
  document.querySelector<HTMLButtonElement>('[aria-label="End… The laptop"]')?.click();
  (await button("End it")).click();
  await soon(() => expect(text()).toContain("None does."));
  expect(asked).toContain("DELETE /recorders/rcr_1");
});

it("makes a code when it is asked for, shows its link, and says what to press", async () => {
  const asked = open([]);
  (await button("Let a browser record my screen…")).click();
  await soon(() => expect(text()).toContain("https://desk.example/enrol#code=cre_abc"));
  expect(text()).toContain("Press Join.");
  expect(text()).toContain("Nothing is recorded by that.");
  expect(asked.filter((one) => one.startsWith("POST"))).toEqual(["POST /recorders/codes"]);
});

it("is not there for whom nothing of it is allowed", async () => {
  expect(open([recorder("rcr_1", "The laptop")], [])).toEqual([]);
  await soon(() => expect(text()).not.toContain("Browsers that record"));
});
