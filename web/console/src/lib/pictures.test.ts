import { expect, it } from "vitest";
import { pictureFault } from "./pictures";

it("says what no server has to look at", () => {
  expect(pictureFault({ size: 10, type: "image/png" })).toBeNull();
  expect(pictureFault({ size: 10, type: "" })).toBeNull();
  expect(pictureFault({ size: 10, type: "image/svg+xml" })).toMatch(/not a picture/);
  expect(pictureFault({ size: 0, type: "image/png" })).toMatch(/not a picture/);
  expect(pictureFault({ size: 6 * 1024 * 1024, type: "image/jpeg" })).toMatch(/5 MiB/);
});
