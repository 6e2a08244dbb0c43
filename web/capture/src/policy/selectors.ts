/**
 * The selector subset of the capture policy: parsed once, matched without `Element.matches`.
 *
 * The browser's own matcher differs in quirks mode and for values of `type`; the server has no browser. Both
 * sides follow `policies/vectors/selectors.json` instead.
 */
import { attribute, nameOf, parentElementOf } from "./dom";

interface Compound {
  readonly tag: string | null;
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  /** Name in lower case, and the value asked for, or `null` where any will do. */
  readonly attributes: readonly (readonly [string, string | null])[];
  /** How this compound hangs on the one before it: `>` child, ` ` descendant, `` for the first. */
  readonly link: "" | " " | ">";
}

/** A comma list: an element matches if one of its complex selectors does. */
export type Selector = readonly (readonly Compound[])[];

const MAX_CODE_POINTS = 200;
const HTML = "http://www.w3.org/1999/xhtml";
const IDENTIFIER = /(?:-?[A-Za-z_\u{80}-\u{10ffff}]|--)[\w\-\u{80}-\u{10ffff}]*/uy;
const SPACE = /[ \t\n\f\r]*/y;
const ATTRIBUTE =
  /\[[ \t\n\f\r]*((?:-?[A-Za-z_\u{80}-\u{10ffff}]|--)[\w\-\u{80}-\u{10ffff}]*)[ \t\n\f\r]*(?:=[ \t\n\f\r]*(?:"([^"\\\n\f\r]*)"|'([^'\\\n\f\r]*)'|((?:-?[A-Za-z_\u{80}-\u{10ffff}]|--)[\w\-\u{80}-\u{10ffff}]*))[ \t\n\f\r]*)?\]/uy;

/** White space is not among them. */
const isControl = (letter: string): boolean => letter < " " && !"\t\n\f\r".includes(letter);

const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Parses a comma list, or gives `null` where the subset does not cover it. */
export function parseSelector(text: string): Selector | null {
  if ([...text].length > MAX_CODE_POINTS || [...text].some(isControl) || /[\ud800-\udfff]/u.test(text)) {
    return null;
  }
  const list: Compound[][] = [];
  let at = 0;
  const eat = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    const complex: Compound[] = [];
    let link: Compound["link"] = "";
    eat(SPACE);
    for (;;) {
      const compound = parseCompound(text, eat, () => at, link);
      if (!compound) return null;
      complex.push(compound);
      const spaced = eat(SPACE)?.[0] !== "";
      if (eat(/>/y)) {
        eat(SPACE);
        link = ">";
      } else if (at === text.length || text[at] === ",") {
        break;
      } else if (spaced) {
        link = " ";
      } else {
        return null;
      }
    }
    list.push(complex);
    if (at === text.length) return list;
    at += 1;
  }
}

function parseCompound(
  text: string,
  eat: (pattern: RegExp) => RegExpExecArray | null,
  at: () => number,
  link: Compound["link"],
): Compound | null {
  const start = at();
  const tag = eat(/\*/y) ? null : (eat(IDENTIFIER)?.[0] ?? null);
  const ids: string[] = [];
  const classes: string[] = [];
  const attributes: [string, string | null][] = [];
  for (;;) {
    const sign = text[at()];
    if (sign === "#" || sign === ".") {
      eat(/[#.]/y);
      const name = eat(IDENTIFIER)?.[0];
      if (!name) return null;
      (sign === "#" ? ids : classes).push(name);
    } else if (sign === "[") {
      const found = eat(ATTRIBUTE);
      if (!found?.[1]) return null;
      attributes.push([lower(found[1]), found[2] ?? found[3] ?? found[4] ?? null]);
    } else {
      break;
    }
  }
  return at() === start ? null : { tag: tag && lower(tag), ids, classes, attributes, link };
}

/** The value of an attribute whatever the ASCII case of its name; SVG keeps names as written. */
export function attributeOf(element: Element, name: string): string | null {
  const value = attribute(element, name);
  if (value !== null || element.namespaceURI === HTML) return value;
  for (let i = 0; i < element.attributes.length; i += 1) {
    const attribute = element.attributes[i];
    if (attribute && lower(attribute.name) === name) return attribute.value;
  }
  return null;
}

function matchesCompound(element: Element, compound: Compound): boolean {
  if (compound.tag !== null && lower(nameOf(element)) !== compound.tag) return false;
  for (const id of compound.ids) if (attributeOf(element, "id") !== id) return false;
  if (compound.classes.length > 0) {
    const tokens = attributeOf(element, "class")?.split(/[ \t\n\f\r]+/) ?? [];
    for (const name of compound.classes) if (!tokens.includes(name)) return false;
  }
  for (const [name, wanted] of compound.attributes) {
    const value = attributeOf(element, name);
    if (value === null || (wanted !== null && value !== wanted)) return false;
  }
  return true;
}

function matchesUpTo(element: Element, complex: readonly Compound[], last: number): boolean {
  const compound = complex[last];
  if (!compound || !matchesCompound(element, compound)) return false;
  if (last === 0) return true;
  for (let above = parentElementOf(element); above; above = parentElementOf(above)) {
    if (matchesUpTo(above, complex, last - 1)) return true;
    if (compound.link === ">") return false;
  }
  return false;
}

/** Whether the element matches; combinators stop at a shadow root or a frame's document. */
export function matches(element: Element, selector: Selector): boolean {
  return selector.some((complex) => matchesUpTo(element, complex, complex.length - 1));
}

/** Names of the attributes a selector looks at, in lower case. */
export function attributesUsed(selector: Selector): Set<string> {
  const names = new Set<string>();
  for (const compound of selector.flat()) {
    if (compound.ids.length > 0) names.add("id");
    if (compound.classes.length > 0) names.add("class");
    for (const [name] of compound.attributes) names.add(name);
  }
  return names;
}
