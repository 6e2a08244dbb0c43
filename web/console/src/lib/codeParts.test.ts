import { describe, expect, it } from "vitest";
import { codeParts } from "./codeParts";

const told = (text: string) => codeParts(text).map(({ part, code }) => (code ? [part] : part));

describe("code in a sentence", () => {
  it("is what stands between backticks", () => {
    expect(told("Show `h1 > a` unmasked.")).toEqual(["Show ", ["h1 > a"], " unmasked."]);
    expect(told("`a` and `b`")).toEqual([["a"], " and ", ["b"]]);
  });
  it("leaves a sentence without any as it is", () => {
    expect(told("Allow images.")).toEqual(["Allow images."]);
    expect(told("A ` alone")).toEqual(["A ` alone"]);
    expect(told("")).toEqual([]);
  });
});
