import { expect, it } from "vitest";
import { TONES, toneOf } from "./tone";

it("gives a person one colour, and people different ones", () => {
  const tones = Array.from({ length: 200 }, (_, n) => toneOf(`per_${n.toString(16).padStart(32, "0")}`));
  expect(new Set(tones).size).toBe(TONES);
  expect(toneOf("per_1")).toBe(toneOf("per_1"));
});
