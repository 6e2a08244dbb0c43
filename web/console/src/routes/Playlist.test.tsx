import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { afterEach, expect, it, vi } from "vitest";
import { TITLE_LENGTH } from "../api/coaching";
import { addItem } from "../components/playlists/changes";
import { currentNotice, dismiss, undoLast } from "../lib/notices";
import { ada, button, draw, says, sessionOf, text } from "../testing/draw";
import { problem, serve } from "../testing/fakeServer";
import { soon } from "../testing/soon";
import Playlist from "./Playlist";

const item = (n: number) => ({
  kind: "clip",
  id: `clp_${n}`,
  recording: {
    id: "rec_1",
    source: "screen",
    started_at: "2026-11-20T10:00:00Z",
    duration_us: 60_000_000,
    subject: { id: "sub_1", label: "Olive Owl" },
  },
  title: `Clip ${n}`,
  from_ms: 0,
  to_ms: 1000,
});

afterEach(() => dismiss(currentNotice()?.n ?? -1));

/** A server with one list, whose changes wait until they are let through. */
function server(numbers: number[]) {
  const list = { title: "For newcomers", items: numbers };
  const gates: ((answer?: Response) => void)[] = [];
  const shown = () => ({
    id: "lst_1",
    title: list.title,
    made_by: ada,
    mine: true,
    items: list.items.map(item),
    hidden: 0,
  });
  const asked = serve({
    "GET /playlists/lst_1": shown,
    "PATCH /playlists/lst_1": async (body) => {
      const refused = await new Promise<Response | undefined>((let_) => gates.push(let_));
      if (refused) return refused;
      if (typeof body.title === "string") list.title = body.title;
      const items = body.items as { id: string }[] | undefined;
      if (items) list.items = items.map(({ id }) => Number(id.slice(4)));
      return shown();
    },
  });
  return { list, gates, asked, changes: () => asked.filter((one) => one.startsWith("PATCH")) };
}

async function open(): Promise<void> {
  vi.stubGlobal("scrollTo", () => undefined);
  const root = createRootRoute({ component: Outlet });
  const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Outlet });
  const page = createRoute({
    getParentRoute: () => shell,
    path: "/recordings/playlists/$id",
    component: Playlist,
  });
  const router = createRouter({
    routeTree: root.addChildren([shell.addChildren([page])]),
    history: createMemoryHistory({ initialEntries: ["/recordings/playlists/lst_1"] }),
  });
  draw(<RouterProvider router={router as never} />, sessionOf([]));
  await says("Clip 1");
}

const press = (name: string) => document.querySelector<HTMLButtonElement>(`[aria-label="${name}"]`)?.click();
const order = () =>
  [...document.querySelectorAll(".order b")].map(({ textContent }) => textContent?.slice(5)).join(" ");
const shows = (numbers: string) => soon(() => expect(order()).toBe(numbers));

it("sends one order after another, and ends with what the server says", async () => {
  const { gates, list, changes } = server([1, 2, 3]);
  await open();
  press("Move Clip 1 down");
  await shows("2 1 3");
  press("Move Clip 1 down");
  await shows("2 3 1");
  await soon(() => expect(gates).toHaveLength(1));
  expect(changes()).toHaveLength(1);
  gates[0]?.();
  await soon(() => expect(gates).toHaveLength(2));
  // What is still on its way stays shown while the answer to the one before comes.
  expect(order()).toBe("2 3 1");
  gates[1]?.();
  await soon(() => expect(list.items).toEqual([2, 3, 1]));
  // Somebody's new recordings came between: the answer has them.
  press("Move Clip 2 down");
  await soon(() => expect(gates).toHaveLength(3));
  gates[2]?.(
    new Response(
      JSON.stringify({
        id: "lst_1",
        title: "From the server",
        made_by: ada,
        mine: true,
        items: [3, 2, 4, 1].map(item),
        hidden: 0,
      }),
    ),
  );
  await shows("3 2 4 1");
  await says("From the server");
});

it("puts back what was taken out into the order there is by then", async () => {
  const { gates, list } = server([1, 2, 3]);
  await open();
  press("Take Clip 2 out of the playlist");
  await soon(() => expect(gates).toHaveLength(1));
  gates[0]?.();
  await soon(() => expect(currentNotice()?.undo).toBeTruthy());
  press("Move Clip 3 up");
  await shows("3 1");
  undoLast();
  await shows("3 1 2");
  for (const n of [1, 2]) {
    await soon(() => expect(gates).toHaveLength(n + 1));
    gates[n]?.();
  }
  await soon(() => expect(list.items).toEqual([3, 1, 2]));
});

it("reads the list again where a change is refused, unless what follows brings an answer", async () => {
  const { gates, asked } = server([1, 2, 3]);
  const refused = () => problem(422, "no-such-item", "There is no such item");
  await open();
  press("Move Clip 1 down");
  await shows("2 1 3");
  press("Move Clip 3 up");
  await shows("2 3 1");
  await soon(() => expect(gates).toHaveLength(1));
  gates[0]?.(refused());
  await soon(() => expect(gates).toHaveLength(2));
  expect(order()).toBe("2 3 1");
  expect(currentNotice()).toBeNull();
  expect(asked.filter((one) => one.startsWith("GET"))).toHaveLength(1);
  gates[1]?.(refused());
  await shows("1 2 3");
  await soon(() =>
    expect(currentNotice()?.text).toContain("The playlist stays as it was. There is no such item"),
  );
  expect(asked.filter((one) => one.startsWith("GET"))).toHaveLength(2);
});

it("adds behind what is on its way", async () => {
  const { gates, list } = server([1, 2]);
  await open();
  press("Move Clip 1 down");
  await soon(() => expect(gates).toHaveLength(1));
  const added = addItem("lst_1", { kind: "clip", id: "clp_3" });
  gates[0]?.();
  await soon(() => expect(gates).toHaveLength(2));
  gates[1]?.();
  expect(await added).toBe(true);
  expect(list.items).toEqual([2, 1, 3]);
  await shows("2 1 3");
  expect(await addItem("lst_1", { kind: "clip", id: "clp_3" })).toBe(false);
});

it("keeps a title that was not taken in its field", async () => {
  const { gates } = server([1]);
  await open();
  press("Change the title");
  const field = await soon(() => {
    const found = document.querySelector<HTMLInputElement>('[aria-label="Title of the playlist"]');
    if (!found) throw new Error("there is no field");
    return found;
  });
  expect(field.maxLength).toBe(TITLE_LENGTH);
  field.value = "Another";
  (await button("Keep")).click();
  await soon(() => expect(gates).toHaveLength(1));
  gates[0]?.(problem(422, "unreadable", "That is no title"));
  await soon(() => expect(currentNotice()?.text).toContain("That is no title"));
  expect(document.querySelector<HTMLInputElement>('[aria-label="Title of the playlist"]')?.value).toBe(
    "Another",
  );
  (await button("Keep")).click();
  await soon(() => expect(gates).toHaveLength(2));
  gates[1]?.();
  await soon(() => expect(document.querySelector("form")).toBeNull());
  expect(text()).toContain("Another");
});
