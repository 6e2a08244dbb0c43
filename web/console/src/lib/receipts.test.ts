import { expect, it } from "vitest";
import { trackOf } from "./receipts";

const track = (id: string, ...sizes: number[]) => ({
  id,
  segments: sizes.map((size_bytes, sequence) => ({ sequence, size_bytes })),
});

it("finds the tab a batch came from, or none", () => {
  const tabs = [track("trk_a", 100, 200, 300), track("trk_b", 150, 200)];
  expect(trackOf(tabs, { sequence: 2, bytes_stored: 999 })?.id).toBe("trk_a");
  expect(trackOf(tabs, { sequence: 0, bytes_stored: 150 })?.id).toBe("trk_b");
  expect(trackOf(tabs, { sequence: 1, bytes_stored: 200 })).toBeNull();
  expect(trackOf(tabs, { sequence: 7, bytes_stored: 1 })).toBeNull();
});
