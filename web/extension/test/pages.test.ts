import { describe, expect, it } from "vitest";
import { isExcluded, type PageRule, parsePageRule, toldAddress } from "../src/policy/pages";
import vectors from "./vectors/pages.json";

const parsed = (rule: string): PageRule => {
  const found = parsePageRule(rule);
  if (!found) throw new Error(`${rule} is no rule`);
  return found;
};

describe("page rules", () => {
  it.each(vectors.accepted)("$rule", ({ rule, matches, not }) => {
    const names = parsed(rule);
    for (const url of matches) expect([url, names(new URL(url))]).toEqual([url, true]);
    for (const url of not) expect([url, names(new URL(url))]).toEqual([url, false]);
  });

  it.each(vectors.refused)("refuses %j", (rule) => {
    expect(parsePageRule(rule)).toBeNull();
  });

  it.each(vectors.decided)("$mode $rules: $url (frame $frame)", ({ mode, rules, url, frame, excluded }) => {
    const decided = { mode: mode as "block" | "allow", rules: rules.map(parsed) };
    expect(isExcluded(decided, url, frame)).toBe(excluded);
  });
});

describe("an address as the log tells it", () => {
  it.each(vectors.told)("$url", ({ url, told }) => {
    expect(toldAddress(url)).toBe(told);
  });

  it("is cut", () => {
    expect(toldAddress(`https://a.example/${"x".repeat(3000)}`)).toHaveLength(2000);
  });
});
