/**
 * Makes recorded events inert before anything is built from them.
 *
 * Recordings are hostile: whoever can send events to a site's key can put anything into them. Each event is built
 * anew from the parts known here; what is not known is left out and counted. Nothing in the result can be
 * fetched, navigated to or executed, and the shapes rrweb relies on (one root, unique ids, arrays that are
 * arrays) hold, so that one bad event cannot stop the others.
 */
import { inertCss, inertFont } from "./css.ts";
import {
  CANVAS_DRAWN,
  canvasStyle,
  drawn,
  inertAttribute,
  inertTag,
  LINK_MARK,
  type Tag,
} from "./elements.ts";

export type InertNode =
  | { type: 0; id: number; childNodes: InertNode[]; compatMode?: string; rootId?: number }
  | { type: 1; id: number; name: string; publicId: string; systemId: string; rootId?: number }
  | InertElement
  | InertText
  | { type: 5; id: number; textContent: string; rootId?: number; isShadow?: boolean };

export interface InertElement {
  type: 2;
  id: number;
  tagName: string;
  attributes: Record<string, string | number | true>;
  childNodes: InertNode[];
  isSVG?: true;
  isCustom?: true;
  isShadowHost?: boolean;
  isShadow?: boolean;
  rootId?: number;
}

interface InertText {
  type: 3;
  id: number;
  textContent: string;
  isStyle?: true;
  isShadow?: boolean;
  rootId?: number;
}

export interface InertEvent {
  type: number;
  timestamp: number;
  data: Record<string, unknown>;
}

type Fields = Record<string, unknown>;

/** Deeper trees than intake takes are cut here as well. */
const MAX_DEPTH = 512;
/** One snapshot or mutation may build this many nodes. */
const MAX_NODES = 200_000;
const MAX_VIEWPORT = 16_384;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isId = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value > 0;
const idOrNull = (value: unknown): number | null => (isId(value) ? value : null);
const coordinate = (value: unknown): number => (finite(value) ? Math.max(-1e7, Math.min(1e7, value)) : 0);
const extent = (value: unknown): number =>
  finite(value) ? Math.max(1, Math.min(MAX_VIEWPORT, Math.round(value))) : 1024;

const EVENT = { fullSnapshot: 2, incremental: 3, meta: 4, custom: 5 } as const;
const SOURCE = {
  mutation: 0,
  mouseMove: 1,
  mouseInteraction: 2,
  scroll: 3,
  viewportResize: 4,
  input: 5,
  touchMove: 6,
  styleSheetRule: 8,
  font: 10,
  drag: 12,
  styleDeclaration: 13,
  selection: 14,
  adoptedStyleSheet: 15,
} as const;

/** What stands for a text node in a style. */
const STYLE_TEXT: Tag = { name: "#style", svg: false };

/** HTML elements that may carry a shadow root (DOM, section 4.9, `attachShadow`). */
const SHADOW_HOSTS = new Set(
  "article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span".split(" "),
);
const CUSTOM_NAME = /^[a-z][a-z0-9._]*-[a-z0-9._-]*$/;

/** The state one pass over a track's events needs. A new full snapshot starts it afresh. */
export class Inert {
  /** What was left out, by reason. */
  readonly removed: Record<string, number> = {};
  /** Elements by their tag, and texts that stand in a style; null for everything else. */
  #tags = new Map<number, Tag | null>();
  /** Ids taken within one snapshot or mutation. */
  #seen = new Set<number>();

  /** The event made inert, or null where nothing of it can be shown. */
  event(raw: unknown): InertEvent | null {
    if (!isFields(raw) || !finite(raw.timestamp) || !isFields(raw.data)) return this.#drop("malformed");
    const data = this.#data(raw.type, raw.data);
    return data === null ? null : { type: raw.type as number, timestamp: raw.timestamp, data };
  }

  #drop(reason: string): null {
    this.removed[reason] = (this.removed[reason] ?? 0) + 1;
    return null;
  }

  #data(type: unknown, data: Fields): Fields | null {
    switch (type) {
      case EVENT.fullSnapshot:
        return this.#snapshot(data);
      case EVENT.incremental:
        return this.#incremental(data);
      case EVENT.meta:
        return { href: "about:blank", width: extent(data.width), height: extent(data.height) };
      case EVENT.custom:
        return { tag: typeof data.tag === "string" ? data.tag.slice(0, 100) : "", payload: null };
      default:
        return this.#drop("unused event");
    }
  }

  // ------------------------------------------------------------------ full snapshots

  #snapshot(data: Fields): Fields | null {
    if (!isFields(data.node) || data.node.type !== 0 || !isId(data.node.id)) {
      return this.#drop("snapshot without a document");
    }
    this.#tags = new Map();
    this.#seen = new Set([data.node.id]);
    const offset = isFields(data.initialOffset) ? data.initialOffset : {};
    return {
      node: this.#document(data.node, data.node.id),
      initialOffset: { top: coordinate(offset.top), left: coordinate(offset.left) },
    };
  }

  /** A document with at most one type and exactly one `html`. */
  #document(raw: Fields, id: number): InertNode {
    this.#tags.set(id, null);
    const children: InertNode[] = [];
    let root: InertElement | null = null;
    for (const child of list(raw.childNodes)) {
      const node = this.#node(child, 1, null);
      if (node === null) continue;
      if (node.type === 1 && root === null && !children.some((other) => other.type === 1))
        children.push(node);
      else if (node.type === 5) children.push(node);
      else if (node.type === 2 && root === null && node.tagName === "html" && !node.isSVG) {
        root = node;
        children.push(node);
      } else this.#drop("second root");
    }
    if (root === null) {
      this.#drop("no html element");
      const fresh = this.#freshId();
      children.push({ type: 2, id: fresh, tagName: "html", attributes: {}, childNodes: [] });
      this.#tags.set(fresh, { name: "html", svg: false });
    }
    const compat = raw.compatMode === "BackCompat" && children[0]?.type !== 1;
    return {
      type: 0,
      id,
      childNodes: children,
      ...(compat ? { compatMode: "BackCompat" } : {}),
      ...(isId(raw.rootId) ? { rootId: raw.rootId } : {}),
    };
  }

  #freshId(): number {
    let id = 2 ** 40;
    while (this.#tags.has(id)) id += 1;
    return id;
  }

  #node(raw: unknown, depth: number, parent: Tag | null): InertNode | null {
    if (!isFields(raw) || !isId(raw.id)) return this.#drop("malformed node");
    if (depth > MAX_DEPTH) return this.#drop("too deep");
    if (this.#seen.size >= MAX_NODES) return this.#drop("too many nodes");
    if (this.#seen.has(raw.id)) return this.#drop("repeated id");
    this.#seen.add(raw.id);
    const root = isId(raw.rootId) ? { rootId: raw.rootId } : {};
    const shadow = raw.isShadow === true ? { isShadow: true } : {};
    switch (raw.type) {
      case 1:
        this.#tags.set(raw.id, null);
        return { type: 1, id: raw.id, name: "html", ...doctype(raw), ...root };
      case 2:
        return this.#element(raw, raw.id, depth);
      case 3:
      case 4:
        this.#tags.set(raw.id, parent?.name === "style" ? STYLE_TEXT : null);
        return { ...this.#text(raw, raw.id, parent), ...root, ...shadow };
      case 5:
        this.#tags.set(raw.id, null);
        return { type: 5, id: raw.id, textContent: "", ...root, ...shadow };
      default:
        return this.#drop(raw.type === 0 ? "document inside a document" : "malformed node");
    }
  }

  #text(raw: Fields, id: number, parent: Tag | null): InertText {
    const text = typeof raw.textContent === "string" ? raw.textContent : "";
    if (parent?.name === "style") return { type: 3, id, textContent: inertCss(text), isStyle: true };
    if (parent?.name === "noscript") return { type: 3, id, textContent: "" };
    return { type: 3, id, textContent: text };
  }

  #element(raw: Fields, id: number, depth: number): InertNode {
    const svg = raw.isSVG === true;
    const tag = inertTag(raw.tagName, svg);
    if (tag.name !== raw.tagName) this.#drop("element changed");
    this.#tags.set(id, tag);
    const attributes = this.#attributes(tag, isFields(raw.attributes) ? raw.attributes : {});
    const custom = raw.isCustom === true && !svg && CUSTOM_NAME.test(tag.name);
    const host =
      raw.isShadowHost === true && !svg && (SHADOW_HOSTS.has(tag.name) || CUSTOM_NAME.test(tag.name));
    const childNodes = this.#children(raw, tag, depth, host);
    if (tag.name === "style" || (tag.name === "link" && "_cssText" in attributes)) {
      joinStyle(attributes, childNodes, raw);
    }
    return {
      type: 2,
      id,
      tagName: tag.name,
      attributes,
      childNodes,
      ...(svg ? { isSVG: true } : {}),
      ...(custom ? { isCustom: true } : {}),
      ...(host ? { isShadowHost: true } : {}),
      ...(raw.isShadow === true ? { isShadow: true } : {}),
      ...(isId(raw.rootId) ? { rootId: raw.rootId } : {}),
    };
  }

  #children(raw: Fields, tag: Tag, depth: number, host: boolean): InertNode[] {
    if (tag.name === "noscript") return [];
    const children: InertNode[] = [];
    for (const child of list(raw.childNodes)) {
      const node = this.#node(child, depth + 1, tag);
      if (node === null) continue;
      if (node.type === 1 || (tag.name === "style" && node.type !== 3)) {
        this.#drop("misplaced node");
        continue;
      }
      if ("isShadow" in node && node.isShadow && !host) node.isShadow = false;
      children.push(node);
    }
    return children;
  }

  #attributes(tag: Tag, raw: Fields): Record<string, string | number | true> {
    const kept: Record<string, string | number | true> = {};
    for (const [name, value] of Object.entries(raw)) {
      const inert = inertAttribute(tag, name, value);
      if (inert === null) {
        if (value !== null && value !== false) this.#drop("attribute");
      } else {
        kept[name] = inert;
      }
    }
    if ((tag.name === "a" || tag.name === "area") && typeof raw.href === "string") kept[LINK_MARK] = "";
    if (tag.name === "canvas") {
      const { rr_dataURL: picture, ...rest } = kept;
      const shown = typeof picture === "string" ? `;${CANVAS_DRAWN}:${drawn(picture)}` : "";
      return { ...rest, style: `${rest.style ?? ""};${canvasStyle(kept)}${shown}` };
    }
    return kept;
  }

  // ------------------------------------------------------------------ increments

  #incremental(data: Fields): Fields | null {
    switch (data.source) {
      case SOURCE.mutation:
        return this.#mutation(data);
      case SOURCE.mouseMove:
      case SOURCE.touchMove:
      case SOURCE.drag:
        return this.#moves(data);
      case SOURCE.mouseInteraction:
        return this.#interaction(data);
      case SOURCE.scroll:
        if (!isId(data.id)) return this.#drop("malformed");
        return { source: SOURCE.scroll, id: data.id, x: coordinate(data.x), y: coordinate(data.y) };
      case SOURCE.viewportResize:
        return { source: SOURCE.viewportResize, width: extent(data.width), height: extent(data.height) };
      case SOURCE.input:
        if (!isId(data.id)) return this.#drop("malformed");
        return {
          source: SOURCE.input,
          id: data.id,
          text: typeof data.text === "string" ? data.text : "",
          isChecked: data.isChecked === true,
        };
      case SOURCE.styleSheetRule:
        return this.#styleSheetRule(data);
      case SOURCE.styleDeclaration:
        return this.#styleDeclaration(data);
      case SOURCE.adoptedStyleSheet:
        return this.#adoptedStyleSheet(data);
      case SOURCE.selection:
        return this.#selection(data);
      case SOURCE.font:
        return this.#font(data);
      default:
        return this.#drop("unused increment");
    }
  }

  #mutation(data: Fields): Fields {
    this.#seen = new Set();
    const removes = list(data.removes).flatMap((entry) => {
      if (!isFields(entry) || !isId(entry.id) || !isId(entry.parentId)) return [];
      return [
        { id: entry.id, parentId: entry.parentId, ...(entry.isShadow === true ? { isShadow: true } : {}) },
      ];
    });
    return {
      source: SOURCE.mutation,
      removes,
      adds: this.#adds(list(data.adds)),
      texts: list(data.texts).flatMap((entry) => this.#changedText(entry)),
      attributes: list(data.attributes).flatMap((entry) => this.#changedAttributes(entry)),
    };
  }

  /** rrweb sends added nodes one by one, each with its parent, in any order. */
  #adds(adds: unknown[]): Fields[] {
    const tags = new Map<number, Tag | null>(this.#tags);
    for (const entry of adds) {
      if (isFields(entry) && isFields(entry.node) && isId(entry.node.id) && entry.node.type === 2) {
        tags.set(entry.node.id, inertTag(entry.node.tagName, entry.node.isSVG === true));
      }
    }
    return adds.flatMap((entry) => {
      if (!isFields(entry) || !isId(entry.parentId) || !isFields(entry.node) || !isId(entry.node.id)) {
        this.#drop("malformed node");
        return [];
      }
      const parent = tags.get(entry.parentId) ?? null;
      if (entry.parentId === entry.node.id) {
        this.#drop("repeated id");
        return [];
      }
      const node =
        entry.node.type === 0
          ? this.#frameDocument(entry.node, entry.node.id, parent)
          : this.#node(entry.node, 1, parent);
      if (node === null) return [];
      if (parent?.name === "style" && node.type !== 3) {
        this.#drop("misplaced node");
        return [];
      }
      return [
        {
          parentId: entry.parentId,
          nextId: idOrNull(entry.nextId),
          ...(isId(entry.previousId) ? { previousId: entry.previousId } : {}),
          node,
        },
      ];
    });
  }

  #frameDocument(raw: Fields, id: number, parent: Tag | null): InertNode | null {
    if (parent?.name !== "iframe") return this.#drop("document inside a document");
    return this.#document(raw, id);
  }

  #changedText(entry: unknown): Fields[] {
    if (!isFields(entry) || !isId(entry.id) || (typeof entry.value !== "string" && entry.value !== null)) {
      return [];
    }
    const known = this.#tags.get(entry.id);
    if (known === undefined) return [];
    const value = entry.value ?? "";
    return [{ id: entry.id, value: known === STYLE_TEXT ? inertCss(value) : value }];
  }

  #changedAttributes(entry: unknown): Fields[] {
    if (!isFields(entry) || !isId(entry.id) || !isFields(entry.attributes)) return [];
    const tag = this.#tags.get(entry.id) ?? { name: "", svg: false };
    const attributes: Fields = {};
    for (const [name, value] of Object.entries(entry.attributes)) {
      if (value === null) {
        if (/^[\w:.-]{1,100}$/.test(name)) attributes[name] = null;
      } else if (name === "style" && isFields(value)) {
        attributes[name] = {
          ...(isFields(attributes.style) ? attributes.style : {}),
          ...inertStyleObject(value),
        };
      } else {
        const inert = inertAttribute(tag, name, value);
        if (inert === null) this.#drop("attribute");
        else if (tag.name === "canvas" && name === "rr_dataURL") {
          const style = isFields(attributes.style) ? attributes.style : {};
          attributes.style = { ...style, [CANVAS_DRAWN]: drawn(String(inert)) };
        } else attributes[name] = String(inert === true ? "" : inert);
      }
    }
    return Object.keys(attributes).length === 0 ? [] : [{ id: entry.id, attributes }];
  }

  #moves(data: Fields): Fields | null {
    const positions = list(data.positions).flatMap((entry) =>
      isFields(entry) && isId(entry.id)
        ? [
            {
              x: coordinate(entry.x),
              y: coordinate(entry.y),
              id: entry.id,
              timeOffset: finite(entry.timeOffset) ? Math.max(-60_000, Math.min(0, entry.timeOffset)) : 0,
            },
          ]
        : [],
    );
    return positions.length === 0 ? this.#drop("malformed") : { source: data.source, positions };
  }

  #interaction(data: Fields): Fields | null {
    const { type } = data;
    if (!isId(data.id) || typeof type !== "number" || !Number.isInteger(type) || type < 0 || type > 10) {
      return this.#drop("malformed");
    }
    // Focus and blur are shown by nothing here and would move the keyboard out of the console.
    if (type === 5 || type === 6) return this.#drop("focus");
    return {
      source: SOURCE.mouseInteraction,
      type,
      id: data.id,
      x: coordinate(data.x),
      y: coordinate(data.y),
    };
  }

  #styleSheetRule(data: Fields): Fields {
    return {
      source: SOURCE.styleSheetRule,
      ...(isId(data.id) ? { id: data.id } : {}),
      ...(isId(data.styleId) ? { styleId: data.styleId } : {}),
      adds: list(data.adds).flatMap(inertRule),
      removes: list(data.removes).flatMap((entry) => {
        const index = isFields(entry) ? ruleIndex(entry.index) : null;
        return index === null ? [] : [{ index }];
      }),
      ...(typeof data.replace === "string" ? { replace: inertCss(data.replace) } : {}),
      ...(typeof data.replaceSync === "string" ? { replaceSync: inertCss(data.replaceSync) } : {}),
    };
  }

  #styleDeclaration(data: Fields): Fields | null {
    const index = ruleIndex(data.index);
    if (index === null) return this.#drop("malformed");
    const kept: Fields = {
      source: SOURCE.styleDeclaration,
      index,
      ...(isId(data.id) ? { id: data.id } : {}),
      ...(isId(data.styleId) ? { styleId: data.styleId } : {}),
    };
    if (isFields(data.set) && typeof data.set.property === "string") {
      const property = data.set.property.toLowerCase();
      const value = typeof data.set.value === "string" ? data.set.value : "";
      kept.set = {
        property,
        value: inertCss(value, { property }),
        priority: data.set.priority === "important" ? "important" : undefined,
      };
    }
    if (isFields(data.remove) && typeof data.remove.property === "string") {
      kept.remove = { property: data.remove.property };
    }
    return kept;
  }

  #adoptedStyleSheet(data: Fields): Fields | null {
    if (!isId(data.id)) return this.#drop("malformed");
    return {
      source: SOURCE.adoptedStyleSheet,
      id: data.id,
      styleIds: list(data.styleIds).filter(isId),
      styles: list(data.styles).flatMap((style) =>
        isFields(style) && isId(style.styleId)
          ? [{ styleId: style.styleId, rules: list(style.rules).flatMap(inertRule) }]
          : [],
      ),
    };
  }

  #selection(data: Fields): Fields {
    const ranges = list(data.ranges).flatMap((entry) =>
      isFields(entry) && isId(entry.start) && isId(entry.end)
        ? [
            {
              start: entry.start,
              end: entry.end,
              startOffset: Math.max(0, coordinate(entry.startOffset)),
              endOffset: Math.max(0, coordinate(entry.endOffset)),
            },
          ]
        : [],
    );
    return { source: SOURCE.selection, ranges };
  }

  #font(data: Fields): Fields | null {
    if (typeof data.family !== "string" || typeof data.fontSource !== "string") {
      return this.#drop("malformed");
    }
    const font = { source: SOURCE.font, family: data.family.slice(0, 200) };
    if (data.buffer === true) {
      const plain = /^\[(?:\d{1,3},?)*\]$/.test(data.fontSource);
      return plain ? { ...font, fontSource: data.fontSource, buffer: true } : this.#drop("font address");
    }
    const address = /^\s*url\(\s*["']?(data:[^"'()\\\s]+)["']?\s*\)\s*$/i.exec(data.fontSource)?.[1];
    const embedded = address === undefined ? null : inertFont(address);
    return embedded === null
      ? this.#drop("font address")
      : { ...font, fontSource: `url("${embedded}")`, buffer: false };
  }
}

function doctype(raw: Fields): { publicId: string; systemId: string } {
  const plain = (value: unknown) =>
    typeof value === "string" && /^[\w /.:+-]{0,200}$/.test(value) ? value : "";
  return { publicId: plain(raw.publicId), systemId: plain(raw.systemId) };
}

/**
 * rrweb joins the parts of `_cssText` (and a browser the text nodes of a style) before reading them, so they are
 * read here as one. The parts after the first stay as empty nodes: later events may name their ids.
 */
function joinStyle(attributes: InertElement["attributes"], children: InertNode[], raw: Fields): void {
  const source = isFields(raw.attributes) ? raw.attributes._cssText : undefined;
  const texts = children.filter((child) => child.type === 3);
  if (typeof source === "string") {
    attributes._cssText = inertCss(source.split("/* rr_split */").join(""));
    for (const text of texts) text.textContent = "";
    return;
  }
  if (texts.length < 2) return;
  const whole = list(raw.childNodes)
    .map((child) => (isFields(child) && typeof child.textContent === "string" ? child.textContent : ""))
    .join("");
  texts.forEach((text, index) => {
    text.textContent = index === 0 ? inertCss(whole) : "";
  });
}

function inertStyleObject(value: Fields): Fields {
  const kept: Fields = {};
  for (const [name, entry] of Object.entries(value)) {
    const property = name.toLowerCase();
    if (entry === false) kept[name] = false;
    else if (typeof entry === "string") kept[name] = inertCss(entry, { property });
    else if (Array.isArray(entry) && typeof entry[0] === "string") {
      kept[name] = [inertCss(entry[0], { property }), entry[1] === "important" ? "important" : ""];
    }
  }
  return kept;
}

function ruleIndex(value: unknown): number | number[] | null {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  if (!Array.isArray(value) || value.length === 0 || value.length > 32) return null;
  return value.every((part) => Number.isSafeInteger(part) && part >= 0) ? (value as number[]) : null;
}

function inertRule(entry: unknown): Fields[] {
  if (!isFields(entry) || typeof entry.rule !== "string") return [];
  const index = ruleIndex(entry.index);
  return [{ rule: inertCss(entry.rule), ...(index === null ? {} : { index }) }];
}
