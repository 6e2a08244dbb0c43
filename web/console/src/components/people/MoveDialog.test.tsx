import { expect, it, vi } from "vitest";
import type { TreeNode } from "../../api/types";
import { kindOf, placesFor, shortened } from "../../lib/moves";
import { draw, says, sessionOf, text } from "../../testing/draw";
import { soon } from "../../testing/soon";
import { MoveDialog } from "./MoveDialog";

const shop: TreeNode = { id: "prj_1", kind: "project", parent: null, name: "Shop" };
const nodes: TreeNode[] = [shop, { id: "dom_1", kind: "domain", parent: null, name: "Strict" }];
const item = (more: object) => ({
  place: { level: "project", id: "prj_1" },
  name: "retention.replay",
  before: "P90D",
  after: "P30D",
  looser: false,
  ...more,
});

/** Opens it on a server where the move changes this; what is asked and sent is told. */
function open(items: object[], allowed = ["setting.read", "retention.read", "tree.edit"]): string[] {
  const sent: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    sent.push(`${init.method} ${url.replace("/api/v1", "")} ${init.body}`);
    const answer = url.endsWith("check-move")
      ? { loosens: items.some((one) => "looser" in one && one.looser), items }
      : url.endsWith("preview")
        ? { items: [{ class: "replay", days: 30, newly_due: 12, next: [] }] }
        : { ...shop, parent: "dom_1" };
    return new Response(JSON.stringify(answer), { status: 200 });
  });
  draw(<MoveDialog node={shop} nodes={nodes} onClose={() => undefined} />, sessionOf(allowed));
  return sent;
}

async function choose(id: string) {
  const select = await soon(() => {
    const found = document.querySelector("select");
    if (!found) throw new Error("there is nothing to choose from");
    return found;
  });
  select.value = id;
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

it("says what would be erased where the new place keeps less, and moves nothing by looking", async () => {
  const sent = open([item({})]);
  await choose("dom_1");
  await says("Looking at what it would change");
  expect([...document.querySelectorAll("button")].at(-1)?.disabled).toBe(true);
  await says("12 recordings are older than that.");
  expect(text()).toContain("90 days");
  expect(document.querySelector("input[type=checkbox]")?.hasAttribute("required")).toBe(true);
  expect(sent).toEqual([
    'POST /settings/check-move {"node":"prj_1","to":"dom_1"}',
    'POST /retention/preview {"project":"prj_1","changes":[{"class":"replay","days":30}]}',
  ]);
});

it("says that less is protected, and which rule says so", async () => {
  open([item({ name: "capture.replay.enabled", before: false, after: true, looser: true })]);
  await choose("dom_1");
  await says("This protects people less than now.");
  expect(text()).toContain("capture.replay.enabled");
});

it("asks for nothing to be read where nothing changes", async () => {
  open([]);
  await choose("dom_1");
  await says("Every rule says the same there.");
  expect(document.querySelector("input[type=checkbox]")).toBeNull();
});

it("counts what is older only where a project keeps less", () => {
  const effects = (more: object) => ({ loosens: false, items: [item(more) as never] });
  expect(shortened(effects({}))).toEqual([{ project: "prj_1", class: "replay", days: 30 }]);
  expect(shortened(effects({ after: "P120D" }))).toEqual([]);
  expect(shortened(effects({ name: "auth.session.idle" }))).toEqual([]);
  expect(shortened(effects({ place: { level: "team", id: "tea_1" } }))).toEqual([]);
  expect(kindOf(true)).toBe("switch");
  expect(kindOf("P30D")).toBe("duration");
  expect(kindOf("private")).toBe("word");
  expect(placesFor(shop, nodes)).toEqual([
    { id: null, name: "the organisation itself" },
    { id: "dom_1", name: "Strict" },
  ]);
});
