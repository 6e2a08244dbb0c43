import { describe, expect, it } from "vitest";
import { endedText, lostText, untoldText, watchingText } from "../src/ui/words";

describe("what the person is told", () => {
  it("is not that nobody watches where nobody knows", () => {
    expect(watchingText([])).toBe("Nobody is watching.");
    expect(watchingText(null)).toContain("not known");
  });

  it("is what is missing, and why", () => {
    expect(lostText({ segments: 2, why: "disk" })).toContain("disk full");
    expect(untoldText(1)).toContain("1 time");
    expect(endedText("recorder-gone")).toContain("last moments");
  });
});
