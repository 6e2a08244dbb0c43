import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { afterEach, expect, it, vi } from "vitest";
import { MAY } from "../api/session";
import { currentNotice, dismiss, undoLast } from "../lib/notices";
import { parseReviewsSearch } from "../lib/search";
import { ada, button, draw, says, sessionOf, text } from "../testing/draw";
import { problem, serve } from "../testing/fakeServer";
import { soon } from "../testing/soon";
import Reviews from "./Reviews";

const review = (n: number, more: object = {}) => ({
  recording: {
    id: `rec_${n}`,
    source: "screen",
    started_at: "2026-11-20T10:00:00Z",
    duration_us: 60_000_000,
    subject: { id: "sub_1", label: `Visitor ${n}` },
  },
  state: "waiting",
  asked_by: ada,
  asked_at: "2026-11-21T10:00:00Z",
  note: n === 1 ? "the hold" : null,
  done_by: null,
  done_at: null,
  ...more,
});

afterEach(() => dismiss(currentNotice()?.n ?? -1));

function open(at = "/recordings/review"): void {
  vi.stubGlobal("scrollTo", () => undefined);
  const root = createRootRoute({ component: Outlet });
  const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Outlet });
  const page = createRoute({
    getParentRoute: () => shell,
    path: "/recordings/review",
    validateSearch: parseReviewsSearch,
    component: Reviews,
  });
  const router = createRouter({
    routeTree: root.addChildren([shell.addChildren([page])]),
    history: createMemoryHistory({ initialEntries: [at] }),
  });
  draw(<RouterProvider router={router as never} />, sessionOf([MAY.reviews]));
}

const reviewed = () =>
  document.querySelector<HTMLButtonElement>('[aria-label="Reviewed: the recording of Visitor 1"]')?.click();

it("offers whom a recording is about only to take back that they asked", async () => {
  const subject = { id: "sub_2", label: "Ada", person: ada.id };
  const mine = (n: number, more: object = {}) => {
    const { recording, ...rest } = review(n, more);
    return { ...rest, recording: { ...recording, subject } };
  };
  const other = { id: "per_2", name: "Bo", initials: "B" };
  const bySomebody = mine(4, { asked_by: other });
  let items: object[] = [review(1), mine(3), bySomebody];
  serve({ "GET /reviews": () => ({ items, next: null }) });
  open();
  await says("Ada");
  const of = (label: string) => document.querySelectorAll(`[aria-label="${label}"]`).length;
  expect(document.querySelectorAll('[aria-label^="Reviewed: "]')).toHaveLength(1);
  expect(of("Reviewed: the recording of Ada")).toBe(0);
  expect(of("Take the recording of Ada off the queue")).toBe(1);
  items = [mine(5, { state: "done", done_by: other, done_at: "2026-11-22T10:00:00Z" })];
  document.querySelector<HTMLButtonElement>('fieldset [aria-pressed="false"]')?.click();
  await says("Reviewed by Bo");
  expect(document.querySelectorAll(".qacts button")).toHaveLength(0);
});

it("says that one is reviewed when nobody can go back any more, and says nothing of its note", async () => {
  let items = [review(1), review(2)];
  const asked = serve({
    "GET /reviews": () => ({ items, next: null }),
    "PUT /recordings/rec_1/review": () => {
      items = [review(2)];
      return review(1, { state: "done" });
    },
  });
  open();
  await says("“the hold”");
  reviewed();
  await soon(() => expect(text()).not.toContain("Visitor 1"));
  expect(asked.some((one) => one.startsWith("PUT"))).toBe(false);
  dismiss(currentNotice()?.n ?? -1);
  await soon(() => expect(asked).toContain('PUT /recordings/rec_1/review {"state":"done"}'));
  expect(text()).not.toContain("Visitor 1");
});

it("says it before the other list is looked at", async () => {
  const done = review(1, { state: "done", done_by: ada, done_at: "2026-11-22T10:00:00Z" });
  let said = false;
  serve({
    "GET /reviews": (_, path) => ({
      items: path.endsWith("done") === said ? [said ? done : review(1)] : [],
      next: null,
    }),
    "PUT /recordings/rec_1/review": () => {
      said = true;
      return done;
    },
  });
  open();
  await says("“the hold”");
  reviewed();
  await says("Nothing waits for a review");
  (await button("Reviewed")).click();
  await says("Reviewed by Ada");
});

it("leaves who asked, and when, as they were where somebody goes back", async () => {
  const asked = serve({ "GET /reviews": () => ({ items: [review(1)], next: null }) });
  open();
  await says("“the hold”");
  reviewed();
  await says("Nothing waits for a review");
  undoLast();
  await says("“the hold”");
  expect(asked).toEqual(["GET /reviews?state=waiting"]);
});

it("shows it again where it was not taken, and one that comes onto the queue again", async () => {
  let items = [review(1)];
  let taken = false;
  serve({
    "GET /reviews": () => ({ items, next: null }),
    "PUT /recordings/rec_1/review": () => {
      if (!taken) return problem(403, "denied", "You may not");
      items = [review(1, { asked_at: "2026-11-22T10:00:00Z" })];
      return review(1, { state: "done" });
    },
  });
  open();
  for (taken of [false, true]) {
    await says("“the hold”");
    reviewed();
    await says("Nothing waits for a review");
    dismiss(currentNotice()?.n ?? -1);
  }
  await says("“the hold”");
});

it("takes one off the queue when nobody can go back any more", async () => {
  const asked = serve({
    "GET /reviews": () => ({ items: [review(2)], next: null }),
    "DELETE /recordings/rec_2/review": () => undefined,
  });
  open();
  await says("Visitor 2");
  document
    .querySelector<HTMLButtonElement>('[aria-label="Take the recording of Visitor 2 off the queue"]')
    ?.click();
  await says("Nothing waits for a review");
  undoLast();
  await says("Visitor 2");
  expect(asked.some((one) => one.startsWith("DELETE"))).toBe(false);
});

it("shows what was reviewed, and lets it wait again", async () => {
  const done = review(3, { state: "done", done_by: ada, done_at: "2026-11-22T10:00:00Z" });
  const asked = serve({ "GET /reviews": () => ({ items: [done], next: null }) });
  open("/recordings/review?state=done");
  await says("Reviewed by Ada");
  await button("Wait again");
  expect(asked).toEqual(["GET /reviews?state=done"]);
});
