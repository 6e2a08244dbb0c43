import { describe, expect, it } from "vitest";
import { inertCss, inertFont, inertImage } from "./css.ts";

const EVIL = "http://evil.test/x";
const PIXEL = "data:image/png;base64,AAAA";

/** Nothing in the text may still name another place once escapes are read. */
function expectHarmless(css: string): void {
  expect(css.toLowerCase()).not.toContain("evil");
  expect(css).not.toMatch(/@import/i);
}

describe("addresses are emptied, however they are written", () => {
  it.each([
    `p { background: url(${EVIL}) }`,
    `p { background: url( "${EVIL}" ) }`,
    `p { background: URL('${EVIL}') no-repeat }`,
    `p { background: u\\72 l(${EVIL}) }`,
    `p { background: \\75\\72\\6c("${EVIL}") }`,
    `p { background: url(htt\\70://evil.test/x) }`,
    `p { background: url(//evil.test/x) }`,
    `p { background: url(${EVIL}`,
    `p { background: url("${EVIL}`,
    `p { background: image-set("${EVIL}" 1x, url(${EVIL}) 2x) }`,
    `p { background: -webkit-image-set(url(${EVIL}) 1x) }`,
    `p { background: image("${EVIL}") }`,
    `p { background: src("${EVIL}") }`,
    `p { background: cross-fade(url(${EVIL}), red) }`,
    `p { --x: url(${EVIL}); background: var(--x) }`,
    `@font-face { font-family: x; src: url(${EVIL}) format("woff2") }`,
    `@property --q { syntax: "<image>"; inherits: false; initial-value: url(${EVIL}) }`,
    `p { filter: url(${EVIL}#f); mask: url(${EVIL}#m); clip-path: url(${EVIL}#c) }`,
    `@media screen { p { cursor: url(${EVIL}), auto } }`,
    `p { background: url(${EVIL}\\) }`,
    `@namespace svg url(${EVIL});`,
  ])("%s", (css) => {
    expectHarmless(inertCss(css));
  });
});

describe("imports are dropped", () => {
  it.each([
    `@import "${EVIL}"; p { color: red }`,
    `@import url(${EVIL}) layer(x) screen; p { color: red }`,
    `@\\69mport "${EVIL}"; p { color: red }`,
    `@IMPORT\n'${EVIL}'; p { color: red }`,
    `@import/**/"${EVIL}"; p { color: red }`,
    `@import { nested { } "${EVIL}" } p { color: red }`,
  ])("%s", (css) => {
    const inert = inertCss(css);
    expectHarmless(inert);
    expect(inert).toContain("color: red");
  });
  it("without joining what stood around them", () => {
    expect(inertCss(`u@import "x";rl(${EVIL})`)).not.toMatch(/url\(/i);
  });
});

describe("what cannot be judged is not fetched", () => {
  it.each(["var(--x)", "attr(data-x)", "env(x)", "if(else: 'x')", "--mine()"])("image-set(%s)", (inner) => {
    expect(inertCss(`p { background: image-set(${inner} 1x) }`)).toContain("image-set(inert(");
  });
});

describe("what is in the recording itself stays", () => {
  it("pictures and fonts as data", () => {
    expect(inertCss(`p { background: url(${PIXEL}) }`)).toBe(`p { background: url("${PIXEL}") }`);
    expect(inertCss("@font-face { src: url(data:font/woff2;base64,AA) }")).toContain(
      "data:font/woff2;base64,AA",
    );
  });
  it("references within the document, where they can be nothing else", () => {
    expect(inertCss("p { filter: url(#soft); -webkit-mask: url('#m') }")).toBe(
      'p { filter: url("#soft"); -webkit-mask: url("#m") }',
    );
    expect(inertCss("p { background: url(#x) }")).toContain('url("data:,")');
  });
  it("everything that is no address, to the letter", () => {
    const css = `/**/a[title="url(x)"]:hover > .b\\:c::before { content: "\\201C url"; width: calc(1px + (2 * 3em)) }`;
    expect(inertCss(css)).toBe(css);
  });
  it("links, whose selectors follow the mark left in place of their address", () => {
    expect(inertCss("a:link, a:not([href]) { color: red }")).toBe(
      "a[data-clerestory-link], a:not([data-clerestory-link]) { color: red }",
    );
  });
});

describe("texts are closed in themselves, so that joining them opens nothing", () => {
  it.each([`p { --x: "`, "p { background: image-set(", "p { --x: \\", "/* ", `p { --x: 'a\\`])(
    "%j",
    (opened) => {
      const joined = inertCss(opened) + inertCss(`"; } p { background: url(${EVIL}) }`);
      // What is left of the address stands in a string: reading the joined text finds nothing to empty.
      expect(inertCss(joined)).toBe(joined);
    },
  );
});

describe("addresses on their own", () => {
  it("are pictures only as data, and SVG without a fragment", () => {
    expect(inertImage(PIXEL)).toBe(PIXEL);
    expect(inertImage("data:image/svg+xml,<svg/>#x")).toBe("data:image/svg+xml,<svg/>");
    for (const other of [
      EVIL,
      "data:text/html,x",
      "blob:http://evil.test/1",
      "javascript:1",
      "x.png",
      "data:image/png",
    ]) {
      expect(inertImage(other)).toBeNull();
    }
  });
  it("are fonts only as data", () => {
    expect(inertFont("data:font/woff2;base64,AA")).toBe("data:font/woff2;base64,AA");
    expect(inertFont(EVIL)).toBeNull();
  });
});

it("takes time in proportion to the text", () => {
  const long = `${"a{b:url(x)}".repeat(20_000)}${"((((".repeat(5_000)}`;
  expect(inertCss(long).length).toBeGreaterThan(long.length);
});
