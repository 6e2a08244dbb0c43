import { expect, it } from "vitest";
import { addressOf, noPreview, previewAlt } from "./previews";

const item = {
  source: "screen",
  state: "active",
  subject: { id: "sub_1", label: "Olive Owl" },
  duration_us: 65_000_000,
  preview: null,
};

it("keeps an address that still opens, and takes a newer one before it does not", () => {
  const first = addressOf("/a", null, 0);
  expect(addressOf("/b", first, 60_000)).toBe(first);
  expect(addressOf("/b", first, 8 * 60_000)).toEqual({ url: "/b", takenAt: 8 * 60_000 });
  expect(addressOf(null, first, 60_000)).toBeNull();
});

it("says what a picture shows, and why there is none", () => {
  expect(previewAlt(item)).toBe("A first look at the screen of Olive Owl, 01:05 long");
  const preview = { url: "/a", width: 160, height: 90 };
  expect(noPreview({ ...item, preview, preview_state: "made" })).toBeNull();
  expect(noPreview({ ...item, preview_state: "none" })).toBeNull();
  expect(noPreview({ ...item, source: "web" })).toBeNull();
  expect(noPreview({ ...item, preview_state: "waiting" })?.short).toBe("Being made");
  expect(noPreview({ ...item, preview_state: "failed", preview_why: "It took too long." })?.long).toMatch(
    /took too long/,
  );
  expect(noPreview({ ...item, preview_state: "unavailable" })?.long).toContain("ffmpeg");
  expect(noPreview({ ...item, state: "verified", preview_state: "made" })?.short).toBe("Erased");
});
