/**
 * Enforces the policy on every event rrweb emits, before anything is encoded.
 *
 * The filter builds what leaves from named fields; an event, source or field it does not know stays. It asks the
 * page as it is now: a node that is gone, or was never told to the replay, says nothing.
 */
import { type AttributePlace, filterAttribute, MASK } from "../policy/attributes";
import { type CssPlace, filterCss } from "../policy/css";
import { nameOf, parentOf, typeOf } from "../policy/dom";
import { type Decision, type Judge, parentAcross } from "../policy/judge";
import {
  type AddedNode,
  type AttributeValue,
  EventType,
  type RecordedEvent,
  type SerializedNode,
  Source,
  type StyleChange,
} from "./events";
import type { Mirror } from "./hooks";
import { isPlaceholder, keepsNoChildren, placeholderSize } from "./media";

type Fields = Readonly<Record<string, unknown>>;

/** What the last full snapshot showed and hid. Texts, field values and media count; excluded elements once each. */
export interface Counts {
  shown: number;
  masked: number;
  excluded: number;
}

/** Where pictures come from once they are inlined; `null` while they are not. */
export interface Pictures {
  dataUrl(element: Element): string | null;
}

const num = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const str = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);
const isElement = (node: Node | null): node is Element => node !== null && typeOf(node) === Node.ELEMENT_NODE;
const hasText = (text: string): boolean => /\S/.test(text);

/** What is decided for a document is what is decided for its root element. */
const pageOf = (node: Node): Node =>
  typeOf(node) === Node.DOCUMENT_NODE ? ((node as Document).documentElement ?? node) : node;

/** A page may pass anything for an index; what is none cannot be told. */
function ruleIndex(index: unknown): number | number[] | null {
  if (Array.isArray(index))
    return index.every((one) => Number.isSafeInteger(one)) ? (index as number[]) : null;
  return Number.isSafeInteger(index) ? Number(index) : null;
}

export class Filter {
  readonly #judge: Judge;
  readonly #mirror: Mirror;
  readonly #pictures: Pictures;
  /** Texts that were last told as the mask: saying so again would only tell when they change. */
  #masked = new WeakSet<Node>();
  #css = new WeakMap<Node, { from: string; place: CssPlace; to: string }>();
  #told = new WeakMap<Element, Decision>();
  counts: Counts = { shown: 0, masked: 0, excluded: 0 };

  constructor(judge: Judge, mirror: Mirror, pictures: Pictures) {
    this.#judge = judge;
    this.#mirror = mirror;
    this.#pictures = pictures;
  }

  /** Begins a full snapshot. */
  restart(): void {
    this.#masked = new WeakSet();
    this.counts = { shown: 0, masked: 0, excluded: 0 };
  }

  /** The decision under which an element was last told, if it was. */
  toldAs(element: Element): Decision | undefined {
    return this.#told.get(element);
  }

  /** After a change of rules nothing remembered holds. */
  forgetRules(): void {
    this.#css = new WeakMap();
  }

  /** The event as it may leave, or `null` where nothing is left of it. */
  event(event: RecordedEvent): RecordedEvent | null {
    const data = this.#data(event.type, event.data as Fields);
    return data === null ? null : { type: event.type, data, timestamp: event.timestamp };
  }

  #data(type: number, data: Fields): unknown {
    switch (type) {
      case EventType.domContentLoaded:
      case EventType.load:
        return {};
      case EventType.meta:
        return {
          href: location.origin + location.pathname,
          width: num(data.width),
          height: num(data.height),
        };
      case EventType.fullSnapshot: {
        const offset = data.initialOffset as Fields;
        const node = this.#node(data.node as SerializedNode);
        return node && { node, initialOffset: { left: num(offset.left), top: num(offset.top) } };
      }
      case EventType.incremental:
        return this.#incremental(data);
      default:
        return null;
    }
  }

  #incremental(data: Fields): unknown {
    const source = data.source;
    switch (source) {
      case Source.mutation:
        return this.#mutation(data);
      case Source.mouseMove:
      case Source.touchMove:
      case Source.drag: {
        const positions = list(data.positions).filter((at) => this.#mayPoint(at.id));
        if (positions.length === 0) return null;
        const told = positions.map(({ x, y, id, timeOffset }) => ({
          x: num(x),
          y: num(y),
          id,
          timeOffset: num(timeOffset),
        }));
        return { source, positions: told };
      }
      case Source.mouseInteraction: {
        if (!this.#mayPoint(data.id)) return null;
        const { type, id, x, y, pointerType } = data;
        const told = { source, type: num(type), id };
        const where = typeof x === "number" ? { x, y: num(y) } : {};
        return typeof pointerType === "number" ? { ...told, ...where, pointerType } : { ...told, ...where };
      }
      case Source.scroll: {
        const node = this.#known(data.id);
        if (!node || this.#judge.decideAround(node) === "exclude" || this.#isMaskedField(node)) return null;
        return { source, id: data.id, x: num(data.x), y: num(data.y) };
      }
      case Source.viewportResize:
        return { source, width: num(data.width), height: num(data.height) };
      case Source.input:
        return this.#input(data);
      case Source.styleSheetRule:
      case Source.styleDeclaration:
      case Source.adoptedStyleSheet:
        return this.#styles(source, data);
      case Source.selection:
        return this.#selection(data);
      case Source.customElement: {
        const name = (data.define as Fields | undefined)?.name;
        return typeof name === "string" ? { source, define: { name } } : null;
      }
      default:
        return null;
    }
  }

  #known(id: unknown): Node | null {
    return typeof id === "number" ? this.#mirror.getNode(id) : null;
  }

  /** Where the pointer is over something excluded, even its place on the screen says too much. */
  #mayPoint(id: unknown): boolean {
    const node = this.#known(id);
    return node !== null && this.#judge.decideAround(node) !== "exclude";
  }

  /** How far a masked field is scrolled tells how much is in it. */
  #isMaskedField(node: Node): boolean {
    return (
      isElement(node) &&
      /^(?:input|textarea|select)$/.test(nameOf(node)) &&
      this.#judge.decide(node) !== "show"
    );
  }

  #place(element: Element, tag: string): AttributePlace {
    const judge = this.#judge;
    return {
      tag,
      shown: judge.decide(element) === "show",
      neverShown: judge.neverShown(element),
      mediaAllowed: judge.mediaAllowed(element),
    };
  }

  #cssPlace(node: Node): CssPlace {
    return { shown: this.#judge.decideAround(node) === "show", mediaAllowed: this.#judge.mediaAllowed(node) };
  }

  /** For declarations set on this element alone. */
  #ownPlace(node: Node): CssPlace {
    return { ...this.#cssPlace(node), own: true };
  }

  #sheet(node: Node, from: string): string {
    const place = this.#cssPlace(node);
    const known = this.#css.get(node);
    const isSame = known?.place.shown === place.shown && known.place.mediaAllowed === place.mediaAllowed;
    if (known?.from === from && isSame) return known.to;
    const to = filterCss(from, place);
    if (from.length > 1000) this.#css.set(node, { from, place, to });
    return to;
  }

  // Nodes

  #node(node: SerializedNode): SerializedNode | null {
    const live = this.#known(node.id);
    if (!live) return null;
    const { type, id } = node;
    const told: SerializedNode = node.rootId === undefined ? { type, id } : { type, id, rootId: node.rootId };
    if (node.isShadow) told.isShadow = true;
    switch (type) {
      case 0:
        told.childNodes = this.#children(node);
        if (node.compatMode) told.compatMode = node.compatMode;
        return told;
      case 1:
        return { ...told, name: str(node.name), publicId: str(node.publicId), systemId: str(node.systemId) };
      case 2:
        return isElement(live) ? this.#element(node, live, told) : null;
      case 3: {
        const text = this.#text(live, str(node.textContent));
        return text === null ? null : { ...told, textContent: text };
      }
      default:
        return null;
    }
  }

  #children(node: SerializedNode): SerializedNode[] {
    return (node.childNodes ?? []).map((child) => this.#node(child)).filter((child) => child !== null);
  }

  #element(node: SerializedNode, live: Element, told: SerializedNode): SerializedNode {
    const tag = str(node.tagName);
    told.tagName = tag;
    told.childNodes = [];
    if (node.isSVG) told.isSVG = true;
    const attributes = node.attributes ?? {};
    const decision = this.#judge.decide(live);
    this.#told.set(live, decision);
    if (decision === "exclude") {
      this.counts.excluded += 1;
      told.attributes = { ...placeholderSize(live), "data-clerestory": "excluded" };
      return told;
    }
    if (node.isShadowHost) told.isShadowHost = true;
    if (node.isCustom) told.isCustom = true;
    const place = this.#place(live, tag);
    told.attributes = this.#attributes(live, place, attributes);
    this.#count(live, tag, place, attributes);
    if (!keepsNoChildren(live) && !this.#judge.hidesDrawing(live)) told.childNodes = this.#children(node);
    return told;
  }

  #isPlaceholder(live: Element, { mediaAllowed }: AttributePlace): boolean {
    return isPlaceholder(live, mediaAllowed) || this.#judge.hidesDrawing(live);
  }

  #count(live: Element, tag: string, place: AttributePlace, attributes: SerializedNode["attributes"]): void {
    if (/^(?:input|textarea|select)$/.test(tag) && attributes?.value) {
      this.counts[place.shown && !place.neverShown ? "shown" : "masked"] += 1;
    } else if (tag === "img" || this.#isPlaceholder(live, place)) {
      this.counts[this.#isPlaceholder(live, place) ? "masked" : "shown"] += 1;
    }
  }

  #attributes(
    live: Element,
    place: AttributePlace,
    attributes: { [name: string]: AttributeValue },
  ): { [name: string]: AttributeValue } {
    const told: { [name: string]: AttributeValue } = {};
    for (const name of Object.keys(attributes)) {
      const value = attributes[name];
      if (value === undefined) continue;
      if (/^rr_scroll/.test(name) && this.#isMaskedField(live)) continue;
      const kept = this.#attribute(live, place, name, value);
      if (kept !== undefined) told[name] = kept;
    }
    if (this.#isPlaceholder(live, place)) {
      Object.assign(told, placeholderSize(live), { "data-clerestory": "blocked" });
    } else if (place.mediaAllowed) {
      const picture = this.#pictures.dataUrl(live);
      if (picture !== null) told[place.tag === "canvas" ? "rr_dataURL" : "src"] = picture;
      if (place.tag === "img" || place.tag === "canvas") Object.assign(told, placeholderSize(live));
    }
    return told;
  }

  /** `undefined` where the attribute stays in the page. */
  #attribute(
    live: Element,
    place: AttributePlace,
    name: string,
    value: AttributeValue,
  ): AttributeValue | undefined {
    if (value === null) return filterAttribute(place, name, "") === null ? undefined : null;
    if (name === "_cssText") return this.#sheet(live, str(value));
    if (name === "style" && typeof value === "object") return this.#styleChange(live, value);
    if (typeof value === "object") return undefined;
    const kept = filterAttribute(place, name, String(value));
    if (kept === null) return undefined;
    if (typeof value !== "string") return value;
    // Presentation attributes of SVG are CSS values: `fill="url(https://…)"`.
    return name === "style" || kept.includes("(") ? filterCss(kept, this.#ownPlace(live)) : kept;
  }

  #styleChange(live: Element, change: StyleChange): StyleChange {
    const place = this.#ownPlace(live);
    const told: StyleChange = {};
    for (const property of Object.keys(change)) {
      const value = change[property];
      if (value === undefined) continue;
      const clean = (text: string): string =>
        filterCss(`${property}:${text}`, place).slice(property.length + 1);
      told[property] =
        value === false ? false : typeof value === "string" ? clean(value) : [clean(value[0]), str(value[1])];
    }
    return told;
  }

  /** `null` where the text stays in the page altogether. */
  #text(live: Node, text: string): string | null {
    const around = parentOf(live);
    if (isElement(around)) {
      if (nameOf(around) === "style")
        return this.#judge.decide(around) === "exclude" ? null : this.#sheet(live, text);
      if (keepsNoChildren(around)) return null;
    }
    const decision = this.#judge.decideAround(live);
    if (decision === "exclude") return null;
    if (!hasText(text)) {
      this.#masked.delete(live);
      return text;
    }
    this.counts[decision === "show" ? "shown" : "masked"] += 1;
    if (decision === "show") {
      this.#masked.delete(live);
      return text;
    }
    this.#masked.add(live);
    return MASK;
  }

  // Changes

  #mutation(data: Fields): unknown {
    const adds: AddedNode[] = [];
    for (const add of list(data.adds)) {
      const told = this.#add(add as unknown as AddedNode);
      if (told) adds.push(told);
    }
    const removes = list(data.removes)
      .filter(({ parentId }) => this.#mayHold(this.#known(parentId)))
      .map(({ parentId, id, isShadow }) => (isShadow ? { parentId, id, isShadow: true } : { parentId, id }));
    const texts: { id: unknown; value: string }[] = [];
    for (const { id, value } of list(data.texts)) {
      const node = this.#known(id);
      if (!node || this.#judge.insideDrawing(node)) continue;
      const wasMasked = this.#masked.has(node);
      const text = this.#text(node, str(value));
      if (text !== null && !(wasMasked && text === MASK)) texts.push({ id, value: text });
    }
    const attributes: { id: unknown; attributes: { [name: string]: AttributeValue } }[] = [];
    for (const { id, attributes: changed } of list(data.attributes)) {
      const told = this.#attributeChange(this.#known(id), changed as { [name: string]: AttributeValue });
      if (told) attributes.push({ id, attributes: told });
    }
    if (adds.length + removes.length + texts.length + attributes.length === 0) return null;
    const told = { source: Source.mutation, texts, attributes, removes, adds };
    return data.isAttachIframe === true ? { ...told, isAttachIframe: true } : told;
  }

  #mayHold(parent: Node | null): boolean {
    return (
      parent !== null && this.#judge.decideAround(parent) !== "exclude" && !this.#judge.insideDrawing(parent)
    );
  }

  #add({ parentId, nextId, node }: AddedNode): AddedNode | null {
    const parent = this.#known(parentId);
    if (!parent || !this.#mayHold(parent)) return null;
    if (isElement(parent) && keepsNoChildren(parent) && node.type !== 0) return null;
    const told = this.#node(node);
    return told && { parentId, nextId, node: told };
  }

  #attributeChange(
    live: Node | null,
    changed: { [name: string]: AttributeValue },
  ): { [name: string]: AttributeValue } | null {
    if (!isElement(live) || this.#judge.decide(live) === "exclude") return null;
    const around = parentAcross(live);
    if (around && this.#judge.insideDrawing(around)) return null;
    const place = this.#place(live, nameOf(live).toLowerCase());
    const told: { [name: string]: AttributeValue } = {};
    for (const name of Object.keys(changed)) {
      const value = changed[name];
      if (value === undefined) continue;
      const kept = this.#attribute(live, place, name, value);
      if (kept !== undefined) told[name] = kept;
    }
    return Object.keys(told).length > 0 ? told : null;
  }

  #input(data: Fields): unknown {
    const live = this.#known(data.id);
    if (!isElement(live)) return null;
    const decision = this.#judge.decide(live);
    if (decision === "exclude") return null;
    const shown = decision === "show" && !this.#judge.neverShown(live);
    const type = (live as Partial<HTMLInputElement>).type;
    const isChoice = nameOf(live) === "input" && (type === "radio" || type === "checkbox");
    if (!shown && isChoice) return null;
    const text = str(data.text);
    const told = { source: Source.input, id: data.id };
    if (shown) return { ...told, text, isChecked: data.isChecked === true };
    return { ...told, text: text === "" ? "" : MASK, isChecked: false };
  }

  #selection(data: Fields): unknown {
    const ranges: unknown[] = [];
    for (const range of list(data.ranges)) {
      const start = this.#known(range.start);
      const end = this.#known(range.end);
      if (!start || !end || !this.#mayHold(start) || !this.#mayHold(end)) continue;
      ranges.push({
        start: range.start,
        startOffset: this.#offset(start, num(range.startOffset), 0),
        end: range.end,
        endOffset: this.#offset(end, num(range.endOffset), MASK.length),
      });
    }
    return list(data.ranges).length > 0 && ranges.length === 0 ? null : { source: Source.selection, ranges };
  }

  /** Inside a masked text the offset would tell its length: the selection takes all of it. */
  #offset(node: Node, offset: number, masked: number): number {
    if (typeOf(node) !== Node.TEXT_NODE || this.#judge.decideAround(node) === "show") return offset;
    return hasText(node.nodeValue ?? "") ? masked : offset;
  }

  // Style sheets

  #styles(source: number, data: Fields): unknown {
    const { id, styleId } = data;
    const owner = this.#known(id);
    if (owner && !this.#mayHold(owner)) return null;
    if (!owner && typeof styleId !== "number") return null;
    // A sheet without an owner may be used anywhere: its texts stay.
    const place = owner
      ? this.#cssPlace(pageOf(owner))
      : { shown: false, mediaAllowed: this.#judge.rules.mediaAllowed };
    const rule = (css: unknown): string => filterCss(str(css), place);
    const told: Record<string, unknown> = { source };
    if (owner) told.id = id;
    if (typeof styleId === "number") told.styleId = styleId;
    const rules = (items: unknown): unknown =>
      list(items).map((item) => {
        const index = ruleIndex(item.index);
        return index === null ? { rule: rule(item.rule) } : { rule: rule(item.rule), index };
      });
    if (source === Source.adoptedStyleSheet) {
      told.styleIds = Array.isArray(data.styleIds) ? data.styleIds.map(num) : [];
      if (data.styles) {
        told.styles = list(data.styles).map((sheet) => ({
          styleId: num(sheet.styleId),
          rules: rules(sheet.rules),
        }));
      }
      return owner ? told : null;
    }
    if (source === Source.styleSheetRule) {
      if (data.adds) told.adds = rules(data.adds);
      const removed = list(data.removes).map(({ index }) => ({ index: ruleIndex(index) }));
      if (data.removes) told.removes = removed.filter(({ index }) => index !== null);
      for (const name of ["replace", "replaceSync"])
        if (typeof data[name] === "string") told[name] = rule(data[name]);
      return told;
    }
    const set = data.set as Fields | undefined;
    const remove = data.remove as Fields | undefined;
    told.index = ruleIndex(data.index) ?? [];
    if (set) {
      const property = str(set.property);
      const value = filterCss(`${property}:${String(set.value ?? "")}`, { ...place, own: true }).slice(
        property.length + 1,
      );
      told.set = { property, value, ...(set.priority ? { priority: str(set.priority) } : {}) };
    }
    if (remove) told.remove = { property: str(remove.property) };
    return told;
  }
}
