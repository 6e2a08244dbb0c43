import { describe, expect, it } from "vitest";
import { hexRows } from "./hex";
import { parseOrigins } from "./origins";
import { browserWords } from "./userAgent";
import { litPanes, rangesWords } from "./watching";

describe("origins as typed", () => {
  it("takes one a line, once each", () => {
    expect(parseOrigins("https://shop.example\n\nhttp://shop.localhost:8700 https://shop.example")).toEqual({
      origins: ["https://shop.example", "http://shop.localhost:8700"],
      problems: [],
    });
  });
  it.each([
    ["shop.example", "no address"],
    ["ftp://shop.example", "https://"],
    ["https://shop.example/cart", "more than an origin"],
    ["https://SHOP.example", "more than an origin"],
    ["http://shop.example", "secure context"],
    ["http://localhost.evil.example", "secure context"],
  ])("says what is wrong with %s", (line, why) => {
    const { origins, problems } = parseOrigins(line);
    expect(origins).toEqual([]);
    expect(problems[0]?.why).toContain(why);
  });
  it.each(["http://localhost:3000", "http://127.0.0.1:8700", "http://[::1]:80", "https://a.example"])(
    "%s is or is not more than an origin",
    (line) =>
      expect(parseOrigins(line).problems.every((p) => p.why.includes("more than an origin"))).toBe(true),
  );
});

describe("bytes", () => {
  it("stand in rows of sixteen with their offsets", () => {
    expect(hexRows("00".repeat(17))).toEqual([
      { at: "0000", bytes: Array(16).fill("00").join(" ") },
      { at: "0010", bytes: "00" },
    ]);
  });
});

describe("what somebody saw", () => {
  it("lights the panes a range touches and never a gap", () => {
    expect(litPanes(["a1", "gap", "a2", "a3"], [{ from_us: 10, to_us: 60 }], 100)).toEqual([
      "lit",
      "gap",
      "lit",
      "a3",
    ]);
    expect(litPanes(["a1"], [], 0)).toEqual(["a1"]);
  });
  it("is told as a sentence", () => {
    expect(rangesWords([])).toBe("Opened, and no part was played.");
    expect(rangesWords([{ from_us: 0, to_us: 65_000_000 }])).toBe("Seen: 00:00 to 01:05.");
  });
});

describe("browsers", () => {
  it("are named by what their user agent says", () => {
    expect(browserWords("Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36")).toBe(
      "Chrome on Linux",
    );
    expect(browserWords("curl/8.5")).toBe("curl/8.5");
    expect(browserWords("")).toBe("An unnamed client");
  });
});
