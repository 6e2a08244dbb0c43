import { expect, it } from "vitest";
import { hexRows } from "./hex";

it("shows bytes in rows of sixteen, with what is printable", () => {
  const rows = hexRows(`4142000a7f${"20".repeat(11)}ff`, 40);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toEqual({
    at: "00000028",
    hex: "41 42 00 0a 7f 20 20 20 20 20 20 20 20 20 20 20",
    text: "AB...           ",
  });
  expect(rows[1]?.hex.trim()).toBe("ff");
});
