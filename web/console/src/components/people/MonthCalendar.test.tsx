import { expect, it, vi } from "vitest";
import { draw, onPage, says, sessionOf } from "../../testing/draw";
import { serve } from "../../testing/fakeServer";
import { soon } from "../../testing/soon";
import { MonthCalendar } from "./MonthCalendar";

const day = (of: string, more: object = {}) => ({
  day: of,
  recordings: 2,
  recorded_ms: 3_840_000,
  gaps_ms: 0,
  ...more,
});

it("is a table of days, each leading to what was recorded on it", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-23T12:00:00Z") });
  const asked = serve({
    "GET /people/per_1/calendar": (_, path) =>
      path.includes("2026-11")
        ? { month: "2026-11", days: [day("2026-11-03"), day("2026-11-10", { gaps_ms: 60_000 })] }
        : { month: "2026-10", days: [] },
  });
  draw(onPage(<MonthCalendar person="per_1" whose="Olive" />), sessionOf([]));
  await says("4 recordings on 2 days, 2 h 8 min in all. 1 min are missing");
  expect(document.querySelectorAll("th[scope='col']")).toHaveLength(7);
  const links = [...document.querySelectorAll<HTMLAnchorElement>("td a")];
  expect(links.map(({ textContent }) => textContent?.replace(/\s+/g, " "))).toEqual([
    "3 November, 1 h 4 min in 2 recordings",
    "10 November, 1 h 4 min in 2 recordings, and 1 min missing between",
  ]);
  expect(links[0]?.getAttribute("href")).toBe("/recordings?person=per_1&day=2026-11-03");
  links[0]?.focus();
  links[0]?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
  expect(document.activeElement).toBe(links[1]);
  document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true }));
  await says("October 2026");
  await says("Nothing was recorded in this month.");
  await soon(() =>
    expect(asked).toEqual([
      "GET /people/per_1/calendar?month=2026-11",
      "GET /people/per_1/calendar?month=2026-10",
    ]),
  );
  vi.useRealTimers();
});
