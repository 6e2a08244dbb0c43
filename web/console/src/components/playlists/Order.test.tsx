import { useState } from "react";
import { expect, it } from "vitest";
import type { Playlist, PlaylistItem } from "../../api/coaching";
import { ada, draw, onPage, says, sessionOf, text } from "../../testing/draw";
import { soon } from "../../testing/soon";
import { itemAddress, itemLength, itemTitle, keysOf, moved, putBack } from "./items";
import { Order } from "./Order";

const recording = {
  id: "rec_1",
  source: "screen",
  started_at: "2026-11-20T10:00:00Z",
  duration_us: 60_000_000,
  subject: { id: "sub_1", label: "Olive Owl" },
};
const clip = (n: number): PlaylistItem => ({
  kind: "clip",
  id: `clp_${n}`,
  recording,
  title: `Clip ${n}`,
  from_ms: 1000 * n,
  to_ms: 1000 * n + 5000,
});
const whole: PlaylistItem = {
  kind: "recording",
  id: "rec_1",
  recording,
  title: null,
  from_ms: null,
  to_ms: null,
};
const list = (more: Partial<Playlist> = {}): Playlist => ({
  id: "lst_1",
  title: "For newcomers",
  made_by: ada,
  mine: true,
  items: [clip(1), clip(2), whole],
  hidden: 0,
  ...more,
});

it("moves an item to another place, and leaves the others in order", () => {
  expect(moved([1, 2, 3, 4], 0, 2)).toEqual([2, 3, 1, 4]);
  expect(moved([1, 2, 3, 4], 3, 0)).toEqual([4, 1, 2, 3]);
  expect(moved([1, 2], 5, 0)).toEqual([1, 2]);
});

it("tells apart what stands in it twice", async () => {
  expect(keysOf([clip(1), clip(2), clip(1)])).toEqual(["clip clp_1", "clip clp_2", "clip clp_1 2"]);
  const twice = list({ items: [clip(1), clip(2), clip(1)] });
  draw(onPage(<Order list={twice} onOrder={() => undefined} onRemove={() => undefined} />), sessionOf([]));
  await says("Clip 1");
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")].map(({ dataset }) => dataset.row);
  expect(rows).toEqual(["clip clp_1", "clip clp_2", "clip clp_1 2"]);
});

it("puts back what was taken out, behind what it followed and is still there", () => {
  const before = [clip(1), clip(2), clip(3), clip(4)];
  const ids = (items: PlaylistItem[]) => items.map(({ id }) => id.slice(4)).join(" ");
  expect(ids(putBack([clip(4), clip(2), clip(1)], before, 2))).toBe("4 2 3 1");
  expect(ids(putBack([clip(4), clip(1)], before, 2))).toBe("4 1 3");
  expect(ids(putBack([clip(4), clip(2)], before, 0))).toBe("1 4 2");
  expect(ids(putBack([clip(1)], [clip(1), clip(1)], 1))).toBe("1 1");
});

it("calls a clip by its title and plays it alone, and a recording by what it is", () => {
  expect(itemTitle(whole)).toBe("Screen of Olive Owl");
  expect(itemAddress(clip(2), "lst_1", 1).search).toEqual({ clip: "clp_2", list: "lst_1", item: 1 });
  expect(itemAddress(whole, "lst_1", 2).search).toEqual({ list: "lst_1", item: 2 });
  expect([itemLength(clip(1)), itemLength(whole)]).toEqual([5_000_000, 60_000_000]);
});

/** A list whose new order stands a moment later, as one that is kept elsewhere does. */
function Kept({ orders }: { orders: string[][] }) {
  const [kept, setKept] = useState(list());
  const onOrder = (items: PlaylistItem[]) => {
    orders.push(items.map(({ id }) => id));
    setTimeout(() => setKept({ ...kept, items }), 50);
  };
  return <Order list={kept} onOrder={onOrder} onRemove={() => undefined} />;
}

it("moves by Alt and an arrow, and says where it is once it is there and can be moved on", async () => {
  const orders: string[][] = [];
  draw(onPage(<Kept orders={orders} />), sessionOf([]));
  await says("Clip 1");
  const row = () => document.querySelector<HTMLElement>('[data-row="clip clp_1"]');
  const press = (key: string) =>
    row()?.dispatchEvent(new KeyboardEvent("keydown", { key, altKey: true, bubbles: true }));
  press("ArrowUp");
  expect(orders).toEqual([]);
  press("ArrowDown");
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(text()).not.toContain("is now");
  await says("Clip 1 is now 2 of 3.");
  expect(document.activeElement).toBe(row());
  press("ArrowDown");
  await says("Clip 1 is now 3 of 3.");
  expect(orders).toEqual([
    ["clp_2", "clp_1", "rec_1"],
    ["clp_2", "rec_1", "clp_1"],
  ]);
});

it("lets nobody but its maker change the order", async () => {
  draw(
    onPage(<Order list={list({ mine: false })} onOrder={() => undefined} onRemove={() => undefined} />),
    sessionOf([]),
  );
  await says("Clip 1");
  await soon(() => expect(document.querySelector("[aria-label^='Move']")).toBeNull());
  expect(document.querySelector("li[draggable='true']")).toBeNull();
});
