import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { expect, it, vi } from "vitest";
import { ada, draw, says, sessionOf } from "../testing/draw";
import Bin from "./Bin";

const item = (n: number) => ({
  recording: {
    id: `rec_${String(n).repeat(32)}`,
    source: "web",
    state: "soft_deleted",
    started_at: "2026-11-20T10:00:00Z",
    ended_at: "2026-11-20T10:05:00Z",
    duration_us: 300_000_000,
    size_bytes: 9000,
    segments: 3,
    site: null,
    subject: { id: "sub_1", label: `Visitor ${n}` },
    summary: null,
    panes: [],
    kept_until: null,
    viewers: [],
    live: false,
  },
  deleted_by: ada,
  deleted_at: "2026-11-21T10:00:00Z",
  restorable_until: "2026-12-21T10:00:00Z",
});

/** Opens the bin; each asking gets the next of these pages, and the cursors that were asked with are told. */
function open(pages: { items: unknown[]; next_cursor: string | null }[]): (string | null)[] {
  const asked: (string | null)[] = [];
  vi.stubGlobal("scrollTo", () => undefined);
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(new URL(url, "https://here.invalid").searchParams.get("cursor"));
    const next = pages[asked.length - 1];
    if (!next) throw new Error("nothing more was to be asked");
    return new Response(JSON.stringify({ ...next, entry: 1 }), { status: 200 });
  });
  const root = createRootRoute({ component: Outlet });
  const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Outlet });
  const bin = createRoute({
    getParentRoute: () => shell,
    path: "/recordings/bin",
    validateSearch: () => ({}),
    component: Bin,
  });
  const router = createRouter({
    routeTree: root.addChildren([shell.addChildren([bin])]),
    history: createMemoryHistory({ initialEntries: ["/recordings/bin"] }),
  });
  draw(<RouterProvider router={router as never} />, sessionOf(["recording.restore"]));
  return asked;
}

it("goes on past pages that hold nothing one may see", async () => {
  const asked = open([
    { items: [], next_cursor: "one" },
    { items: [], next_cursor: "two" },
    { items: [item(1)], next_cursor: null },
  ]);
  await says("Visitor 1");
  expect(asked).toEqual([null, "one", "two"]);
});

it("says that it is empty only at its end", async () => {
  const asked = open([
    { items: [], next_cursor: "one" },
    { items: [], next_cursor: null },
  ]);
  await says("The recycle bin is empty");
  expect(asked).toEqual([null, "one"]);
});

it("waits to be asked for more where there is something to see", async () => {
  const asked = open([
    { items: [item(1)], next_cursor: "one" },
    { items: [item(2)], next_cursor: null },
  ]);
  await says("Show older ones");
  expect(asked).toEqual([null]);
  [...document.querySelectorAll("button")]
    .find(({ textContent }) => textContent === "Show older ones")
    ?.click();
  await says("Visitor 2");
});
