import { expect, it } from "vitest";
import { previewAt } from "./PreviewAt";

it("is the last one that is not later, and the first one before that", () => {
  const previews = [2_000, 12_000, 22_000].map((at_ms) => ({ at_ms, url: `/${at_ms}` }));
  expect([0, 2_000, 11_999, 12_000, 90_000].map((at) => previewAt(previews, at)?.at_ms)).toEqual([
    2_000, 2_000, 2_000, 12_000, 22_000,
  ]);
  expect(previewAt([], 0)).toBeNull();
});
