import { expect, it } from "vitest";
import { Flood } from "../src/actions/flood";

it("takes of a tab what a person can do, leaves the rest out, and keeps no other tab from telling", () => {
  const flood = new Flood();
  const told = Array.from({ length: 3000 }, (_, at) => flood.isTooMuch(1, at)).filter(
    (isTooMuch) => !isTooMuch,
  );
  expect(told).toHaveLength(120);
  expect(flood.isTooMuch(2, 2999)).toBe(false);
});
