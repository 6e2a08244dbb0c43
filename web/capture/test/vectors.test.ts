/** The cases both capture engines read: `policies/vectors`. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { ALWAYS, FIELD_STATE, filterAttribute, MASK, SHOWN } from "../src/policy/attributes";
import { canonicalJson } from "../src/policy/canonical";
import { parsePolicy, parseRules } from "../src/policy/document";
import { isNeverShown, Judge } from "../src/policy/judge";
import { matches, parseSelector } from "../src/policy/selectors";
import { captures, parsePattern, pathOf } from "../src/policy/urls";

const HTML = "http://www.w3.org/1999/xhtml";
const SVG = "http://www.w3.org/2000/svg";

interface Tree {
  key: string;
  tag: string;
  attributes?: Record<string, string>;
  children?: Tree[];
}

/** Reads a vector file; the caller names the shape it relies on. */
function vectors<T>(name: string): T {
  return JSON.parse(
    readFileSync(resolve(import.meta.dirname, "../../../policies/vectors", `${name}.json`), "utf8"),
  ) as T;
}

function element(tag: string, attributes: Record<string, string> = {}, inSvg = false): Element {
  const svg = inSvg || tag === "svg";
  const made = document.createElementNS(svg ? SVG : HTML, svg ? tag : tag.toLowerCase());
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(svg ? name : name.toLowerCase(), value);
  }
  return made;
}

function grow(tree: Tree, into: Map<string, Element>, inSvg = false): Element {
  const made = element(tree.tag, tree.attributes, inSvg);
  into.set(tree.key, made);
  for (const child of tree.children ?? []) made.append(grow(child, into, made.namespaceURI === SVG));
  return made;
}

describe("selectors", () => {
  const file = vectors<{
    accepted: { selector: string }[];
    refused: { selector: string; why: string }[];
    matches: { name: string; tree: Tree; cases: { selector: string; matches: string[] }[] }[];
  }>("selectors");
  it.each(file.accepted)("accepts $selector", ({ selector }) => {
    expect(parseSelector(selector)).not.toBeNull();
  });
  it.each(file.refused)("refuses $selector: $why", ({ selector }) => {
    expect(parseSelector(selector)).toBeNull();
  });
  for (const page of file.matches) {
    it.each(page.cases)(`${page.name}: $selector`, ({ selector, matches: expected }) => {
      const elements = new Map<string, Element>();
      grow(page.tree, elements);
      const parsed = parseSelector(selector);
      if (!parsed) throw new Error("the selector should parse");
      const found = [...elements].filter(([, candidate]) => matches(candidate, parsed)).map(([key]) => key);
      expect(found.sort()).toEqual([...expected].sort());
    });
  }
});

describe("URL patterns", () => {
  const file = vectors<{
    accepted: string[];
    refused: { pattern: string; why: string }[];
    matches: { pattern: string; path: string; matches: boolean }[];
    paths: { url: string; path: string }[];
    captured: { name: string; deny: string[]; allow: string[]; captured: string[]; denied: string[] }[];
  }>("urls");
  const compiled = (pattern: string): RegExp => {
    const parsed = parsePattern(pattern);
    if (!parsed) throw new Error(`${pattern} should parse`);
    return parsed;
  };
  it.each(file.accepted)("accepts %s", (pattern) => {
    expect(parsePattern(pattern)).not.toBeNull();
  });
  it.each(file.refused)("refuses $pattern: $why", ({ pattern }) => {
    expect(parsePattern(pattern)).toBeNull();
  });
  it.each(file.matches)("$pattern on $path: $matches", ({ pattern, path, matches: expected }) => {
    expect(captures({ deny: [compiled(pattern)], allow: [] }, path)).toBe(!expected);
  });
  it.each(file.paths)("the path of $url", ({ url, path }) => {
    expect(pathOf(url)).toBe(path);
  });
  it.each(file.captured)("$name", ({ deny, allow, captured, denied }) => {
    const rules = { deny: deny.map(compiled), allow: allow.map(compiled) };
    expect(captured.filter((path) => !captures(rules, path))).toEqual([]);
    expect(denied.filter((path) => captures(rules, path))).toEqual([]);
  });
});

describe("decisions", () => {
  const file = vectors<{
    decisions: { name: string; rules: unknown; tree: Tree; expect: Record<string, string> }[];
    never_shown: { tag: string; attributes: Record<string, string>; expect: boolean }[];
  }>("decisions");
  it.each(file.decisions)("$name", ({ rules, tree, expect: expected }) => {
    const parsed = parseRules(rules);
    if (!("ok" in parsed)) throw new Error(JSON.stringify(parsed.errors));
    const elements = new Map<string, Element>();
    grow(tree, elements);
    const judge = new Judge(parsed.ok);
    const found = Object.fromEntries([...elements].map(([key, judged]) => [key, judge.decide(judged)]));
    expect(found).toEqual(expected);
  });
  it.each(file.never_shown)("never shown: $tag $attributes", ({ tag, attributes, expect: expected }) => {
    expect(isNeverShown(element(tag, attributes))).toBe(expected);
  });
});

describe("attributes", () => {
  const file = vectors<{
    mask: string;
    always: string[];
    shown: string[];
    field_state: string[];
    cases: {
      tag: string;
      name: string;
      value: string;
      decision: "mask" | "show";
      media: "blocked" | "allowed";
      never_shown?: boolean;
      expect: string | null;
    }[];
  }>("attributes");
  it("keeps the same lists as the server", () => {
    expect(MASK).toBe(file.mask);
    expect([...ALWAYS].sort()).toEqual([...file.always].sort());
    expect([...SHOWN].sort()).toEqual([...file.shown].sort());
    expect([...FIELD_STATE].sort()).toEqual([...file.field_state].sort());
  });
  it.each(file.cases)("$tag $name=$value, $decision, media $media", (it_) => {
    const place = {
      tag: it_.tag,
      shown: it_.decision === "show",
      neverShown: it_.never_shown === true,
      mediaAllowed: it_.media === "allowed",
    };
    expect(filterAttribute(place, it_.name, it_.value)).toBe(it_.expect);
  });
});

describe("policies", () => {
  const file = vectors<{
    policies: { name: string; document: unknown; canonical: string }[];
    strings: { text: string; canonical: string }[];
    rules_refused: { name: string; document: unknown; errors: { path: string }[] }[];
    policies_refused: { name: string; document: unknown; errors: { path: string }[] }[];
  }>("canonical");
  const paths = (
    result: ReturnType<typeof parseRules> | ReturnType<typeof parsePolicy>,
  ): { path: string }[] => ("errors" in result ? result.errors.map(({ path }) => ({ path })) : []);
  it.each(file.policies)("writes and reads: $name", ({ document: value, canonical }) => {
    expect(canonicalJson(value)).toBe(canonical);
    expect(paths(parsePolicy(value))).toEqual([]);
  });
  it.each(file.strings)("writes the string $canonical", ({ text, canonical }) => {
    expect(canonicalJson(text)).toBe(canonical);
  });
  it.each(file.rules_refused)("refuses rules: $name", ({ document: value, errors }) => {
    expect(paths(parseRules(value))).toEqual(errors);
  });
  it.each(file.policies_refused)("refuses a policy: $name", ({ document: value, errors }) => {
    expect(paths(parsePolicy(value))).toEqual(errors);
  });
});
