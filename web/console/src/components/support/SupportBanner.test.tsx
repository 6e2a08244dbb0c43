import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { sessionQuery } from "../../api/session";
import { watchPresence } from "../../lib/presence";
import { queryClient } from "../../queryClient";
import { ada, sessionOf } from "../../testing/draw";
import { SupportBanner } from "./SupportBanner";

const grant = {
  id: "sup_1",
  person: { id: "per_9", name: "Rae", initials: "R" },
  came: true,
  rights: ["recording.list", "recording.play"],
  node: null,
  reason: "ticket 4711",
  made_by: ada,
  begins_at: "2026-11-22T09:00:00Z",
  ends_at: "2026-11-22T18:00:00Z",
  ended_at: null,
  ended_by: null,
  running: true,
};
const session = (running: number, allowed = ["support.read", "support.end"]) =>
  sessionOf(allowed, { support_running: running });

/** What the server says of how many are in; nothing where it does not answer. */
let running: number | null = 0;
/** Whether it says who is in. */
let tells = true;
/** What each asking said of whether somebody is at the page. */
let asked: (string | null)[] = [];
let page: Root;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers({ now: new Date("2026-11-22T10:00:00Z") });
  [running, tells, asked] = [0, true, []];
  vi.stubGlobal("scrollTo", () => undefined);
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (running === null) throw new TypeError("no line");
    if (url.endsWith("/session")) {
      asked.push(new Headers(init.headers).get("Clerestory-Background"));
      return new Response(JSON.stringify(session(running)), { status: 200 });
    }
    if (!tells) return new Response("{}", { status: 500 });
    const items = running > 0 ? [grant] : [];
    return new Response(JSON.stringify({ items, next_cursor: null, entry: 7, lendable: [] }), {
      status: 200,
    });
  });
});
afterEach(async () => {
  await act(async () => page.unmount());
  document.body.replaceChildren();
  queryClient.clear();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function draw(allowed?: string[]) {
  queryClient.setQueryData(sessionQuery.queryKey, session(0, allowed) as never);
  const router = createRouter({
    routeTree: createRootRoute({ component: SupportBanner }),
    history: createMemoryHistory(),
  });
  page = createRoot(document.body.appendChild(document.createElement("div")));
  await act(async () =>
    page.render(
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>,
    ),
  );
  await pass(100);
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms).then(() => undefined));
const touch = () => act(async () => void window.dispatchEvent(new Event("pointermove")));
const text = () => document.body.textContent ?? "";

it("shows on a page left open who is let in since, and that they were shown out", async () => {
  await draw();
  expect(text()).toBe("");
  running = 1;
  await pass(60_000);
  expect(text()).toContain("Rae is let in from outside until");
  expect(text()).toContain("by Ada. In Example they may see recordings in lists and watch recordings.");
  expect(text()).toContain("See what they do");
  expect(text()).toContain("End it now");
  running = 0;
  await pass(60_000);
  expect(text()).toBe("");
});

it("says when it does not know whether somebody is in, and when it asks again", async () => {
  await draw();
  running = null;
  await pass(60_000);
  expect(text()).toContain("Whether anybody from outside is in could not be asked.");
  expect(text()).toMatch(/The next try is at \d\d:\d\d:\d\d\./);
  running = 0;
  await pass(60_000);
  expect(text()).toBe("");
});

it("says that somebody is in also where it cannot say who", async () => {
  await draw();
  [running, tells] = [1, false];
  await pass(60_000);
  expect(text()).toContain("Somebody from outside is in, and who it is could not be read.");
  tells = true;
  await pass(60_000);
  expect(text()).toContain("Rae is let in from outside until");
  expect(text()).not.toContain("could not be read");
});

it("goes on where nobody is at the page, and says so, so that the session can end", async () => {
  const leave = watchPresence();
  await draw();
  await pass(20 * 60_000);
  const before = asked.length;
  expect(asked.at(-1)).toBe("1");
  running = 1;
  await pass(60_000);
  expect(asked.length).toBe(before + 2);
  expect(text()).toContain("Rae is let in from outside until");
  await touch();
  await pass(30_000);
  expect(asked.at(-1)).toBeNull();
  leave();
});

it("asks nothing for those who may not know", async () => {
  await draw([]);
  running = null;
  await pass(60_000);
  expect(text()).toBe("");
});
