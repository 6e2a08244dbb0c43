/** What the filter lets out, event by event. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RecordedEvent, SerializedNode } from "../src/engine/events";
import { Filter } from "../src/engine/filter";
import type { Mirror } from "../src/engine/hooks";
import { parseRules } from "../src/policy/document";
import { Judge } from "../src/policy/judge";

const SECRET = "canary";

class Nodes implements Mirror {
  readonly ids = new Map<number, Node>();
  readonly nodeMetaMap = new WeakMap<Node, { readonly id: number }>();
  getId = (node: Node | null): number => (node && this.nodeMetaMap.get(node)?.id) ?? -1;
  getNode = (id: number): Node | null => this.ids.get(id) ?? null;
  has = (id: number): boolean => this.ids.has(id);
  hasNode = (node: Node): boolean => this.nodeMetaMap.has(node);
  reset = (): void => this.ids.clear();

  /** Numbers a tree and writes it as rrweb does, with every attribute and text. */
  write(node: Node): SerializedNode {
    const id = this.ids.size + 1;
    this.ids.set(id, node);
    this.nodeMetaMap.set(node, { id });
    const childNodes = [...node.childNodes].map((child) => this.write(child));
    if (node instanceof Element) {
      const attributes = Object.fromEntries([...node.attributes].map(({ name, value }) => [name, value]));
      return { type: 2, id, tagName: node.localName, attributes, childNodes };
    }
    if (node.nodeType === 3) return { type: 3, id, textContent: node.nodeValue ?? "" };
    return node.nodeType === 9
      ? { type: 0, id, childNodes }
      : { type: 5, id, textContent: node.nodeValue ?? "" };
  }
}

interface Page {
  filter: Filter;
  nodes: Nodes;
  judge: Judge;
  root: SerializedNode;
  id(selector: string): number;
  /** What is left of an incremental event. */
  told(data: object): unknown;
}

function page(html: string, rules: object = {}): Page {
  document.documentElement.innerHTML = html;
  const document_ = {
    preset: "private",
    media: "blocked",
    exclude: [],
    mask: [],
    unmask: [],
    urls: { deny: [], allow: [] },
  };
  const parsed = parseRules({ ...document_, ...rules });
  if (!("ok" in parsed)) throw new Error(JSON.stringify(parsed.errors));
  const nodes = new Nodes();
  const root = nodes.write(document);
  const judge = new Judge(parsed.ok);
  const filter = new Filter(judge, nodes, { dataUrl: () => null });
  const find = (selector: string): Element => {
    const found = document.querySelector(selector);
    if (!found) throw new Error(`${selector} is not on the page`);
    return found;
  };
  return {
    filter,
    nodes,
    judge,
    root,
    id: (selector) => nodes.getId(find(selector)),
    told: (data) => filter.event({ type: 3, data, timestamp: 1 })?.data ?? null,
  };
}

const full = ({ filter, root }: Page): string =>
  JSON.stringify(
    filter.event({ type: 2, data: { node: root, initialOffset: { top: 0, left: 0 } }, timestamp: 1 }),
  );

beforeEach(() => {
  document.documentElement.innerHTML = "";
});

describe("events nobody named", () => {
  it.each([
    [6, { plugin: "rrweb/console@1", payload: { payload: [SECRET] } }],
    [5, { tag: "page-event", payload: SECRET }],
    [7, { url: SECRET }],
  ])("type %i stays in the page", (type, data) => {
    expect(page("<body></body>").filter.event({ type, data, timestamp: 1 })).toBeNull();
  });
  it.each([7, 9, 10, 11, 17, 99])("source %i stays in the page", (source) => {
    const here = page("<body><canvas></canvas></body>");
    expect(here.told({ source, id: here.id("canvas"), property: "fillText", args: [SECRET] })).toBeNull();
  });
  it("keeps no field that is not known", () => {
    const here = page("<body></body>");
    expect(here.told({ source: 4, width: 1, height: 2, note: SECRET })).toEqual({
      source: 4,
      width: 1,
      height: 2,
    });
    expect(here.told({ source: 3, id: here.id("body"), x: 1, y: "2", note: SECRET })).toEqual({
      source: 3,
      id: here.id("body"),
      x: 1,
      y: 0,
    });
  });
});

describe("a full snapshot", () => {
  it("holds the mask for every text, whatever its length, and white space as it is", () => {
    const told = full(
      page(`<head><title>${SECRET}</title></head><body><p>a</p><p>${SECRET.repeat(99)}</p> </body>`),
    );
    expect(told.match(/"textContent":"[^"]*"/g)).toEqual([
      ...Array(3).fill('"textContent":"•••••"'),
      '"textContent":" "',
    ]);
  });
  it("leaves only its size of an excluded element", () => {
    const told = full(
      page(`<body><div class="x" id="${SECRET}" title="${SECRET}"><p>${SECRET}</p></div></body>`, {
        exclude: [".x"],
      }),
    );
    expect(told).not.toContain(SECRET);
    expect(told).toContain(
      '"tagName":"div","childNodes":[],"attributes":{"rr_width":"0px","rr_height":"0px","data-clerestory":"excluded"}',
    );
  });
  it("holds no value that a masked element's own style keeps", () => {
    const told = full(
      page(`<body><p style="--balance:1432; --name:${SECRET}; counter-reset:v 73">a</p></body>`),
    );
    expect(told).toContain('"style":"--balance:initial; --name:initial; counter-reset:v "');
    const shown = `<p style="--name:${SECRET}">a</p>`;
    expect(full(page(`<body>${shown}</body>`, { unmask: ["p"] }))).toContain(`"--name:${SECRET}"`);
  });
  it("leaves out comments, sources of scripts and fallbacks", () => {
    const told = full(
      page(
        `<body><!--${SECRET}--><noscript>${SECRET}</noscript><video>${SECRET}</video><textarea>${SECRET}</textarea></body>`,
      ),
    );
    expect(told).not.toContain(SECRET);
  });
  it("counts what is seen", () => {
    const here = page(`<body><p>a</p><p class="o">b</p><p class="x">c</p><img></body>`, {
      unmask: [".o"],
      exclude: [".x"],
    });
    full(here);
    expect(here.filter.counts).toEqual({ shown: 1, masked: 2, excluded: 1 });
  });
});

describe("vector pictures", () => {
  const code = `<svg class="qr">${`<rect x="1" y="1"></rect>`.repeat(41)}</svg>`;
  const icon = '<svg class="icon"><path d="M1 1h2"></path></svg>';
  const laidOut = (width: number, height: number): void => {
    vi.spyOn(SVGElement.prototype, "getBoundingClientRect").mockReturnValue(new DOMRect(0, 0, width, height));
  };
  afterEach(() => vi.restoreAllMocks());

  it("of many shapes, of long paths, or larger than icons leave only their size", () => {
    const told = full(page(`<body>${code}${icon}</body>`));
    expect(told).not.toContain("rect");
    expect(told).toContain('"d":"M1 1h2"');
    expect(told.split('"data-clerestory":"blocked"')).toHaveLength(2);
    expect(full(page(`<body><svg><path d="M${"1 ".repeat(3000)}"></path></svg></body>`))).not.toContain(
      "path",
    );
    laidOut(200, 40);
    expect(full(page(`<body>${icon}</body>`))).not.toContain("path");
  });
  it("leave where they are shown, or where media is allowed and no rule masks them", () => {
    expect(full(page(`<body>${code}</body>`, { unmask: [".qr"] }))).toContain("rect");
    expect(full(page(`<body>${code}</body>`, { media: "allowed" }))).toContain("rect");
    expect(full(page(`<body>${code}</body>`, { media: "allowed", mask: [".qr"] }))).not.toContain("rect");
  });
  it("say nothing of what is drawn later", () => {
    laidOut(300, 150);
    const here = page('<body><svg><g><path d="M1 1"></path></g></svg></body>');
    full(here);
    const id = here.id("path");
    const none = { source: 0, texts: [], attributes: [], removes: [], adds: [] };
    const node = { type: 2, id, tagName: "path", attributes: { d: SECRET }, childNodes: [] };
    for (const parentId of [here.id("svg"), here.id("g")])
      expect(here.told({ ...none, adds: [{ parentId, nextId: null, node }] })).toBeNull();
    expect(here.told({ ...none, attributes: [{ id, attributes: { d: SECRET } }] })).toBeNull();
    expect(
      here.told({ ...none, attributes: [{ id: here.id("svg"), attributes: { class: "a" } }] }),
    ).not.toBeNull();
  });
});

describe("changes", () => {
  const mutation = (part: object): object => ({
    source: 0,
    texts: [],
    attributes: [],
    removes: [],
    adds: [],
    ...part,
  });

  it("tells a masked text once", () => {
    const here = page(`<body><p>${SECRET}</p></body>`);
    const id = here.id("p") + 1;
    expect(here.told(mutation({ texts: [{ id, value: SECRET }] }))).toMatchObject({
      texts: [{ id, value: "•••••" }],
    });
    expect(here.told(mutation({ texts: [{ id, value: `${SECRET}2` }] }))).toBeNull();
    expect(here.told(mutation({ texts: [{ id, value: " " }] }))).toMatchObject({
      texts: [{ id, value: " " }],
    });
  });
  it("drops texts, attributes, nodes and removals inside an excluded element, and of nodes it does not know", () => {
    const here = page(`<body><div class="x"><p title="a">a</p></div></body>`, {
      exclude: [".x"],
      unmask: ["body"],
    });
    const id = here.id("p");
    const node = { type: 3, id: id + 1, textContent: SECRET };
    expect(here.told(mutation({ texts: [{ id: id + 1, value: SECRET }] }))).toBeNull();
    expect(here.told(mutation({ attributes: [{ id, attributes: { class: SECRET } }] }))).toBeNull();
    expect(here.told(mutation({ adds: [{ parentId: id, nextId: null, node }] }))).toBeNull();
    expect(here.told(mutation({ removes: [{ parentId: id, id: id + 1 }] }))).toBeNull();
    expect(
      here.told(
        mutation({ texts: [{ id: 999, value: SECRET }], adds: [{ parentId: 999, nextId: null, node }] }),
      ),
    ).toBeNull();
  });
  it("cleans changed styles property by property", () => {
    const here = page("<body></body>");
    const style = {
      color: "red",
      background: `url(/${SECRET})`,
      content: [`"${SECRET}"`, "important"],
      "--name": SECRET,
      "--width": "73%",
      top: false,
    };
    expect(
      here.told(mutation({ attributes: [{ id: here.id("body"), attributes: { style } }] })),
    ).toMatchObject({
      attributes: [
        {
          attributes: {
            style: {
              color: "red",
              background: 'url("data:,")',
              content: ['"•••••"', "important"],
              "--name": "initial",
              "--width": "73%",
              top: false,
            },
          },
        },
      ],
    });
  });
  it("tells that an attribute went only where its name may be told", () => {
    const here = page("<body></body>");
    const attributes = { class: null, title: null, "data-x": null, onclick: null };
    expect(here.told(mutation({ attributes: [{ id: here.id("body"), attributes }] }))).toMatchObject({
      attributes: [{ attributes: { class: null } }],
    });
  });
});

describe("fields", () => {
  const input = (here: Page, selector: string, text = SECRET, isChecked = true): unknown =>
    here.told({ source: 5, id: here.id(selector), text, isChecked });

  it("masks what is typed, and tells no choice", () => {
    const here = page(
      `<body><input id="t"><textarea></textarea><select></select><input type="radio"><input type="checkbox"></body>`,
    );
    for (const selector of ["#t", "textarea", "select"]) {
      expect(input(here, selector)).toEqual({
        source: 5,
        id: here.id(selector),
        text: "•••••",
        isChecked: false,
      });
    }
    expect(input(here, "#t", "")).toMatchObject({ text: "" });
    expect(input(here, "[type=radio]")).toBeNull();
    expect(input(here, "[type=checkbox]")).toBeNull();
  });
  it("shows what is unmasked, but never a field that was a password", () => {
    const here = page(`<body><input id="t"><input id="p" type="password"></body>`, { unmask: ["body"] });
    expect(input(here, "#t")).toMatchObject({ text: SECRET });
    expect(input(here, "#p")).toMatchObject({ text: "•••••" });
    document.querySelector("#p")?.setAttribute("type", "text");
    here.judge.forget();
    expect(input(here, "#p")).toMatchObject({ text: "•••••" });
  });
  it("drops everything of an excluded field", () => {
    expect(input(page(`<body><input id="t"></body>`, { exclude: ["input"] }), "#t")).toBeNull();
  });
  it("does not tell how far a masked field is scrolled", () => {
    const here = page(`<body><textarea></textarea><p></p></body>`);
    expect(here.told({ source: 3, id: here.id("textarea"), x: 0, y: 40 })).toBeNull();
    expect(here.told({ source: 3, id: here.id("p"), x: 0, y: 40 })).not.toBeNull();
  });
});

describe("pointer and selection", () => {
  it("drops places over excluded elements and over what it does not know", () => {
    const here = page(`<body><div class="x"></div></body>`, { exclude: [".x"] });
    const at = (id: number): object => ({ x: 1, y: 2, id, timeOffset: 0 });
    expect(here.told({ source: 1, positions: [at(here.id(".x")), at(-1), at(here.id("body"))] })).toEqual({
      source: 1,
      positions: [at(here.id("body"))],
    });
    expect(here.told({ source: 6, positions: [at(here.id(".x"))] })).toBeNull();
    expect(here.told({ source: 2, type: 2, id: here.id(".x"), x: 1, y: 1 })).toBeNull();
  });
  it("selects masked texts as a whole", () => {
    const here = page(`<body><p id="a">${SECRET}</p><p id="b" class="o">shown</p></body>`, {
      unmask: [".o"],
    });
    const range = { start: here.id("#a") + 1, startOffset: 3, end: here.id("#b") + 1, endOffset: 4 };
    expect(here.told({ source: 14, ranges: [range] })).toEqual({
      source: 14,
      ranges: [{ ...range, startOffset: 0 }],
    });
  });
});

describe("style sheets", () => {
  it("keep no picture below a mask rule, where media is allowed elsewhere", () => {
    const picture = "data:image/png;base64,AAAA";
    const css = `background:url(${picture})`;
    const body = `<body style="${css}"><div class="m"><p style="${css}">a</p><style>a{${css}}</style></div></body>`;
    const told = full(page(body, { media: "allowed", mask: [".m"] }));
    expect(told.split(picture)).toHaveLength(2);
    expect(full(page(body, { media: "allowed" })).split(picture)).toHaveLength(4);
  });
  it("are judged anew when a rule masks what they belong to", () => {
    const picture = `data:image/png;base64,${"A".repeat(1200)}`;
    const here = page(`<body><div><style>a{background:url(${picture})}</style></div></body>`, {
      media: "allowed",
      mask: [".m"],
    });
    expect(full(here)).toContain(picture);
    document.querySelector("div")?.setAttribute("class", "m");
    here.judge.forget();
    expect(full(here)).not.toContain(picture);
  });
  it("cleans rules and leaves out what is no index", () => {
    const here = page("<head><style></style></head><body></body>");
    const id = here.id("style");
    const adds = [
      { rule: `a{background:url(/${SECRET})}`, index: 0 },
      { rule: "b{}", index: "x" },
    ];
    expect(here.told({ source: 8, id, adds, removes: [{ index: undefined }, { index: [0, 1] }] })).toEqual({
      source: 8,
      id,
      adds: [{ rule: 'a{background:url("data:,")}', index: 0 }, { rule: "b{}" }],
      removes: [{ index: [0, 1] }],
    });
    const set = { property: "content", value: `"${SECRET}"`, priority: undefined };
    expect(here.told({ source: 13, id, index: [0], set })).toEqual({
      source: 13,
      id,
      index: [0],
      set: { property: "content", value: '"•••••"' },
    });
    expect(
      here.told({ source: 13, id, index: [0], set: { property: "--name", value: SECRET } }),
    ).toMatchObject({
      set: { property: "--name", value: "initial" },
    });
  });
});

it("names no query and no fragment in the address of the page", () => {
  const event: RecordedEvent = {
    type: 4,
    data: { href: `http://x/y?${SECRET}#${SECRET}`, width: 1, height: 1 },
    timestamp: 1,
  };
  expect(JSON.stringify(page("<body></body>").filter.event(event))).not.toContain(SECRET);
});
