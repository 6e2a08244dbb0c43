import { describe, expect, it } from "vitest";
import { inertAttribute, inertTag } from "./elements.ts";
import { Inert, type InertElement, type InertEvent, type InertNode } from "./inert.ts";

const EVIL = "http://evil.test/x";
const el = (
  id: number,
  tagName: string,
  attributes: object = {},
  childNodes: unknown[] = [],
  more: object = {},
) => ({
  type: 2,
  id,
  tagName,
  attributes,
  childNodes,
  ...more,
});
const text = (id: number, textContent: string) => ({ type: 3, id, textContent });
const snapshot = (...children: unknown[]) => ({
  type: 2,
  timestamp: 10,
  data: {
    node: { type: 0, id: 1, childNodes: [{ type: 1, id: 2, name: "html" }, el(3, "html", {}, children)] },
    initialOffset: { top: 0, left: 0 },
  },
});
const increment = (data: object) => ({ type: 3, timestamp: 20, data });

/** What an event holds; fails where there is none. */
function dataOf(event: InertEvent | null): Record<string, unknown> {
  if (event === null) throw new Error("the event was left out");
  return event.data;
}

/** The children of `html` after one snapshot. */
function built(...children: unknown[]): InertElement[] {
  const event = new Inert().event(snapshot(...children));
  const root = (dataOf(event).node as { childNodes: InertNode[] }).childNodes[1] as InertElement;
  return root.childNodes as InertElement[];
}

const HTML = { name: "div", svg: false };
const SVG = { name: "rect", svg: true };

describe("elements", () => {
  it("that run or load are bare others", () => {
    for (const name of ["script", "SCRIPT", "ScRiPt"]) expect(inertTag(name, false).name).toBe("noscript");
    expect(inertTag("script", true)).toEqual({ name: "noscript", svg: false });
    expect(inertTag("frame", false).name).toBe("div");
    expect(inertTag("fencedframe", false).name).toBe("div");
  });
  it("with names that are none become plain", () => {
    for (const name of ["svg:script", "a b", "", 7, "<x", "x".repeat(200)]) {
      expect(inertTag(name, false).name).toBe("div");
      expect(inertTag(name, true).name).toBe("g");
    }
  });
  it("keep their names otherwise", () => {
    expect(inertTag("X-Card", false).name).toBe("x-card");
    expect(inertTag("linearGradient", true).name).toBe("linearGradient");
  });
  it("lose the text of scripts", () => {
    expect(built(el(4, "script", { src: EVIL }, [text(5, "alert(1)")]))).toEqual([
      { type: 2, id: 4, tagName: "noscript", attributes: {}, childNodes: [] },
    ]);
  });
});

describe("attributes", () => {
  it.each([
    "onclick",
    "ONLOAD",
    "onfoo",
    "src",
    "srcset",
    "srcdoc",
    "href",
    "xlink:href",
    "action",
    "formaction",
    "ping",
    "data",
    "background",
    "poster",
    "manifest",
    "target",
    "http-equiv",
    "content",
    "integrity",
    "nonce",
    "autofocus",
    "autoplay",
    "is",
    "sandbox",
    "csp",
    "imagesrcset",
    "attributionsrc",
    "xml:base",
    "usemap",
    "popovertarget",
    "shadowrootmode",
  ])("%s is left out", (name) => {
    expect(inertAttribute(HTML, name, EVIL)).toBeNull();
    expect(inertAttribute(HTML, name, true)).toBeNull();
  });
  it("that are not known are taken only if they can name nothing", () => {
    expect(inertAttribute(HTML, "theme", "dark blue")).toBe("dark blue");
    expect(inertAttribute(HTML, "theme", EVIL)).toBeNull();
    expect(inertAttribute(HTML, "theme", "x/y.png")).toBeNull();
    expect(inertAttribute(HTML, "the me", "x")).toBeNull();
    expect(inertAttribute(HTML, "theme", { toString: () => "x" })).toBeNull();
  });
  it("keep pictures that are data, on pictures", () => {
    const pixel = "data:image/png;base64,AA";
    expect(inertAttribute({ name: "img", svg: false }, "src", pixel)).toBe(pixel);
    expect(inertAttribute({ name: "iframe", svg: false }, "src", pixel)).toBeNull();
    expect(inertAttribute({ name: "embed", svg: false }, "src", pixel)).toBeNull();
    expect(inertAttribute({ name: "canvas", svg: false }, "rr_dataURL", pixel)).toBe(pixel);
    expect(inertAttribute({ name: "canvas", svg: false }, "rr_dataURL", EVIL)).toBeNull();
    expect(inertAttribute({ name: "image", svg: true }, "href", pixel)).toBe(pixel);
    expect(inertAttribute({ name: "image", svg: true }, "href", EVIL)).toBeNull();
  });
  it("refer within an SVG document only", () => {
    const use = { name: "use", svg: true };
    expect(inertAttribute(use, "href", "#icon")).toBe("#icon");
    expect(inertAttribute(use, "xlink:href", `${EVIL}#icon`)).toBeNull();
    expect(inertAttribute(use, "href", "data:image/svg+xml,<svg/>#x")).toBeNull();
    expect(inertAttribute({ name: "a", svg: true }, "href", "#x")).toBeNull();
    expect(inertAttribute(SVG, "fill", "url(#g)")).toBe('url("#g")');
    expect(inertAttribute(SVG, "fill", `u\\72l(${EVIL}#g)`)).not.toContain("evil");
  });
  it("of animations change no address", () => {
    const set = { name: "set", svg: true };
    expect(inertAttribute(set, "attributeName", "opacity")).toBe("opacity");
    expect(inertAttribute(set, "attributeName", " HREF ")).toBeNull();
    expect(inertAttribute(set, "attributeName", "onclick")).toBeNull();
    expect(inertAttribute(set, "to", EVIL)).toBeNull();
    expect(inertAttribute(set, "values", "0;1")).toBe("0;1");
  });
  it("do not shadow what the engine calls", () => {
    expect(inertAttribute({ name: "img", svg: false }, "name", "head")).toBeNull();
    expect(inertAttribute({ name: "input", svg: false }, "name", "appendChild")).toBeNull();
    expect(inertAttribute({ name: "input", svg: false }, "id", "setAttribute")).toBeNull();
    expect(inertAttribute({ name: "input", svg: false }, "id", "email")).toBe("email");
  });
  it("of the engine have sane sizes", () => {
    expect(inertAttribute(HTML, "rr_width", "120px")).toBe("120px");
    expect(inertAttribute(HTML, "rr_width", 120)).toBe("120px");
    expect(inertAttribute(HTML, "rr_width", "99999999px")).toBeNull();
    expect(inertAttribute(HTML, "rr_width", "1px;background:url(x)")).toBeNull();
    expect(inertAttribute(HTML, "rr_mediaState", "played")).toBeNull();
  });
  it("leave a mark where a link's address was", () => {
    expect(built(el(4, "a", { href: `javascript:1` }))[0]?.attributes).toEqual({
      "data-clerestory-link": "",
    });
  });
  it("of a canvas carry its picture as a background, at once and later", () => {
    const pixel = "data:image/webp;base64,AA";
    const [canvas] = built(
      el(4, "canvas", { width: "240", height: "120", style: "color:red", rr_dataURL: pixel }),
    );
    expect(canvas?.attributes).toEqual({
      width: "240",
      height: "120",
      style: `color:red;--clerestory-wide:240px;--clerestory-shape:240/120;--clerestory-drawn:url("${pixel}")`,
    });
    const inert = new Inert();
    inert.event(snapshot(el(4, "canvas")));
    const change = (rr_dataURL: string) =>
      inert.event(increment({ source: 0, attributes: [{ id: 4, attributes: { rr_dataURL } }] }));
    expect(dataOf(change(pixel)).attributes).toEqual([
      { id: 4, attributes: { style: { "--clerestory-drawn": `url("${pixel}")` } } },
    ]);
    expect(dataOf(change(EVIL)).attributes).toEqual([]);
    expect(JSON.stringify(change(`${pixel}"); background: url(${EVIL}`))).not.toMatch(
      /[^\\]\\"\); background/,
    );
  });
  it("of meta, base and link are gone but for the style a link held", () => {
    const [meta, base, link] = built(
      el(4, "meta", { "http-equiv": "refresh", content: `0;url=${EVIL}` }),
      el(5, "base", { href: EVIL }),
      el(6, "link", { rel: "preload", href: EVIL, as: "image", _cssText: `@import "${EVIL}"; p{}` }),
    );
    expect(meta?.attributes).toEqual({});
    expect(base?.attributes).toEqual({});
    expect(Object.keys(link?.attributes ?? {})).toEqual(["_cssText"]);
    expect(JSON.stringify(link)).not.toContain("evil");
  });
});

describe("styles", () => {
  it("split over several texts are read as one", () => {
    const [style] = built(
      el(4, "style", {}, [text(5, "@imp"), text(6, `ort "${EVIL}";`), text(7, " p { color: red }")]),
    );
    const texts = style?.childNodes.map((node) => ("textContent" in node ? node.textContent : ""));
    expect(texts?.slice(1)).toEqual(["", ""]);
    expect(texts?.[0]).toContain("color: red");
    expect(texts?.[0]).not.toMatch(/import|evil/);
  });
  it("split by the engine's own mark are read as one", () => {
    const [style] = built(
      el(4, "style", { _cssText: `@imp/* rr_split */ort "${EVIL}";` }, [text(5, "x"), text(6, "y")]),
    );
    expect(JSON.stringify(style)).not.toMatch(/import|evil/);
  });
  it("changed later are read again; other texts are left alone", () => {
    const inert = new Inert();
    inert.event(snapshot(el(4, "style", {}, [text(5, "p{}")]), el(6, "p", {}, [text(7, "x")])));
    const value = `p { background: url(${EVIL}) }`;
    const event = inert.event(
      increment({
        source: 0,
        texts: [
          { id: 5, value },
          { id: 7, value },
          { id: 99, value },
        ],
      }),
    );
    const texts = dataOf(event).texts as { id: number; value: string }[];
    expect(texts.map(({ id }) => id)).toEqual([5, 7]);
    expect(texts[0]?.value).not.toContain("evil");
    expect(texts[1]?.value).toBe(value);
  });
  it("set by rules, declarations and sheets are read", () => {
    const inert = new Inert();
    const rule = `p { background: url(${EVIL}) }`;
    for (const data of [
      { source: 8, id: 4, adds: [{ rule, index: 0 }], replaceSync: `@import "${EVIL}";` },
      { source: 13, id: 4, index: [0], set: { property: "background", value: `url(${EVIL})` } },
      { source: 15, id: 1, styleIds: [1], styles: [{ styleId: 1, rules: [{ rule }] }] },
      {
        source: 0,
        attributes: [
          { id: 4, attributes: { style: { mask: [`url(${EVIL})`, "important"], color: `url(${EVIL})` } } },
        ],
      },
    ]) {
      const event = inert.event(increment(data));
      expect(event).not.toBeNull();
      expect(JSON.stringify(event)).not.toContain("evil");
    }
  });
  it("take fonts only as data", () => {
    const inert = new Inert();
    const font = (fontSource: string, buffer: boolean) =>
      inert.event(increment({ source: 10, family: "x", fontSource, buffer }));
    expect(font(`url(${EVIL})`, false)).toBeNull();
    expect(font(`url(data:font/woff2;base64,AA), url(${EVIL})`, false)).toBeNull();
    expect(font("[1e15]", true)).toBeNull();
    expect(font("[1,2,3]", true)).not.toBeNull();
    expect(font("url(data:font/woff2;base64,AA)", false)).not.toBeNull();
  });
});

describe("shapes the engine relies on", () => {
  it("ids are used once", () => {
    expect(built(el(4, "p"), el(4, "div"), el(1, "div"), el(3, "div"))).toHaveLength(1);
  });
  it("trees are cut where they are too deep", () => {
    let node: object = el(5000, "b");
    for (let id = 4000; id > 2000; id -= 1) node = el(id, "div", {}, [node]);
    const depth = (n: InertNode | undefined): number =>
      n && "childNodes" in n ? 1 + depth(n.childNodes[0]) : 0;
    expect(depth(built(node)[0])).toBeLessThan(513);
  });
  it("a document has one html element, even where none was recorded", () => {
    const inert = new Inert();
    const event = inert.event({
      type: 2,
      timestamp: 1,
      data: { node: { type: 0, id: 1, compatMode: "BackCompat", childNodes: [text(2, "x"), el(3, "p")] } },
    });
    const { childNodes } = dataOf(event).node as { childNodes: InertElement[] };
    expect(childNodes.map((node) => node.tagName)).toEqual(["html"]);
  });
  it("documents stand only in frames", () => {
    const inert = new Inert();
    inert.event(snapshot(el(4, "div"), el(5, "iframe")));
    const add = (parentId: number) => ({
      parentId,
      nextId: null,
      node: { type: 0, id: 900 + parentId, childNodes: [el(800 + parentId, "html")] },
    });
    const event = inert.event(increment({ source: 0, adds: [add(4), add(5)] }));
    expect((dataOf(event).adds as { parentId: number }[]).map(({ parentId }) => parentId)).toEqual([5]);
  });
  it("shadow roots stand only where they may", () => {
    const child = { ...el(5, "p"), isShadow: true };
    const [image] = built(el(4, "img", {}, [child], { isShadowHost: true }));
    expect(image?.isShadowHost).toBeUndefined();
    const [card] = built(el(4, "x-card", {}, [child], { isShadowHost: true }));
    expect(card?.isShadowHost).toBe(true);
  });
  it("CDATA becomes text, comments lose their words, doctypes their oddities", () => {
    expect(built(el(4, "p", {}, [{ type: 4, id: 5, textContent: "x" }]))[0]?.childNodes[0]).toMatchObject({
      type: 3,
    });
    const event = new Inert().event({
      type: 2,
      timestamp: 1,
      data: {
        node: {
          type: 0,
          id: 1,
          childNodes: [{ type: 1, id: 2, name: "<x", publicId: '"', systemId: 7 }, el(3, "html")],
        },
      },
    });
    expect((dataOf(event).node as { childNodes: unknown[] }).childNodes[0]).toEqual({
      type: 1,
      id: 2,
      name: "html",
      publicId: "",
      systemId: "",
    });
  });
  it("a text that is added to a style is read as one", () => {
    const inert = new Inert();
    inert.event(snapshot(el(4, "style")));
    const node = text(9, `@import "${EVIL}";`);
    expect(
      JSON.stringify(inert.event(increment({ source: 0, adds: [{ parentId: 4, nextId: null, node }] }))),
    ).not.toContain("evil");
  });
  it.each([
    null,
    7,
    "x",
    [],
    {},
    { type: 3 },
    { type: 3, timestamp: "1", data: {} },
    { type: 99, timestamp: 1, data: {} },
    { type: 3, timestamp: 1, data: { source: 2, type: 77, id: 1 } },
    { type: 3, timestamp: 1, data: { source: 1, positions: [] } },
    { type: 3, timestamp: 1, data: { source: 3, id: -1 } },
    { type: 3, timestamp: 1, data: { source: 9, id: 1 } },
    { type: 6, timestamp: 1, data: { plugin: "x" } },
    { type: 2, timestamp: 1, data: { node: { type: 2, id: 1 } } },
    { type: 3, timestamp: Number.NaN, data: {} },
  ])("malformed: %j is left out", (event) => {
    expect(new Inert().event(event)).toBeNull();
  });
  it("viewports have sane sizes", () => {
    const event = new Inert().event({ type: 4, timestamp: 1, data: { href: EVIL, width: 1e12, height: -3 } });
    expect(event?.data).toEqual({ href: "about:blank", width: 16_384, height: 1 });
  });
  it("what was left out is counted", () => {
    const inert = new Inert();
    inert.event(snapshot(el(4, "p", { onclick: "x", title: "y" })));
    expect(inert.removed).toEqual({ attribute: 1 });
  });
});
