import { beforeEach, expect, it } from "vitest";
import type { RecordingItem } from "../../api/types";
import { chosenLook } from "../../lib/listView";
import { draw, onPage, says, sessionOf } from "../../testing/draw";
import { Gallery } from "./Gallery";

const item = (n: number, more: object = {}) =>
  ({
    id: `rec_${n}`,
    source: "screen",
    state: "active",
    started_at: "2026-11-20T10:00:00Z",
    ended_at: null,
    duration_us: 60_000_000,
    size_bytes: 1,
    segments: 1,
    site: null,
    subject: { id: "sub_1", label: `Visitor ${n}` },
    summary: null,
    panes: [],
    kept_until: null,
    viewers: [],
    live: false,
    ...more,
  }) as RecordingItem;

beforeEach(() => localStorage.clear());

it("shows a picture with words for it, and says where there is none", async () => {
  const preview = { url: "/api/v1/recordings/rec_1/preview?ticket=a", width: 160, height: 90 };
  const items = [
    item(1, { preview, preview_state: "made" }),
    item(2, { preview_state: "waiting" }),
    item(3, { preview_state: "unavailable" }),
  ];
  draw(onPage(<Gallery items={items} day={null} onSentence={() => undefined} />), sessionOf([]));
  await says("Being made");
  await says("No ffmpeg");
  const [picture, ...others] = [...document.querySelectorAll("img")];
  expect(others).toEqual([]);
  expect(picture?.getAttribute("src")).toBe(preview.url);
  expect(picture?.alt).toBe("A first look at the screen of Visitor 1, 01:00 long");
  expect([picture?.getAttribute("width"), picture?.getAttribute("height")]).toEqual(["160", "90"]);
});

it("says of what went on from the day before when it began", async () => {
  const items = [item(1, { started_at: "2026-11-19T23:00:00Z" }), item(2)];
  draw(onPage(<Gallery items={items} day="2026-11-20" onSentence={() => undefined} />), sessionOf([]));
  await says("Visitor 2");
  const lines = [...document.querySelectorAll(".gt > .cut")].map(({ textContent }) => textContent);
  expect(lines).toEqual([expect.stringMatching(/^Began on (19|20) Nov 2026, \d\d:\d\d; Screen$/), "Screen"]);
});

it("is remembered by the browser, which may hold anything", () => {
  expect(chosenLook()).toBe("rows");
  localStorage.setItem("clerestory.recordings", "gallery");
  expect(chosenLook()).toBe("gallery");
  localStorage.setItem("clerestory.recordings", "<script>");
  expect(chosenLook()).toBe("rows");
});
