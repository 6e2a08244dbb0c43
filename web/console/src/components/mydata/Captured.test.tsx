import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import type { MyRecording } from "../../api/types";
import { Captured } from "./Captured";

const kept: MyRecording = {
  id: "rec_1",
  source: "web",
  state: "active",
  started_at: "2026-11-20T10:00:00Z",
  ended_at: "2026-11-20T10:05:00Z",
  duration_us: 300_000_000,
  size_bytes: 9000,
  segments: 3,
  site: null,
  subject: { id: "sub_1", label: "Ada", person: "per_1" },
  summary: { title: "Basket", url: null, pages: 1, clicks: 0, inputs: 0, errors: 0 },
  panes: [],
  kept_until: "2027-02-18T10:05:00Z",
  viewers: [],
  live: false,
  restorable_until: null,
};

const shown = (more: Partial<MyRecording>) =>
  renderToStaticMarkup(
    <Captured
      organisation="Fernwick Goods"
      recordings={[{ ...kept, ...more }]}
      now={new Date("2026-11-22T10:00:00Z")}
      mayOpen={false}
      mayComment={false}
    />,
  ).replace(/<[^>]*>/g, "");

it("says until when it is kept, or can be restored, or that it only waits for a hold", () => {
  expect(shown({})).toContain("Kept until 18 Feb 2027");
  const deleted = { state: "soft_deleted", restorable_until: "2026-12-21T10:00:00Z" };
  expect(shown(deleted)).toMatch(/Deleted: nobody watches it\. It can be restored until 21 Dec 2026/);
  expect(shown({ state: "soft_deleted" })).toMatch(/as soon as no hold keeps it/);
});

it("says why it is there: who keeps it, and where it was captured", () => {
  expect(shown({})).toContain("It is here because Fernwick Goods keeps what is captured.");
  const site = { id: "sit_1", name: "Order desk" };
  expect(shown({ site })).toContain("because Fernwick Goods keeps what is captured on Order desk.");
});
