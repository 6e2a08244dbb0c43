import { describe, expect, it } from "vitest";
import { lossText } from "../src/ui/leave";
import { endedText, lostText, shutText, untoldText, watchingText } from "../src/ui/words";

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

  it("is where the excluded page is that nobody sees", () => {
    expect(shutText("blocked", 0)).toContain("can be seen");
    expect(shutText("blocked", 1)).toContain("An excluded page is open in a tab that is not in front");
    expect(shutText("paused", 2)).toContain("You paused it");
  });

  it("is all that is lost by leaving", () => {
    expect(lossText({ segments: 3, untold: 0 })).toContain("3 pieces");
    expect(lossText({ segments: 0, untold: 1 })).toContain("1 time you threw away");
  });
});
