/**
 * Makes CSS inert: no address in it may be fetched.
 *
 * The text is read token by token (CSS Syntax Level 3, section 4), with escapes decoded, because `u\72 l(`,
 * `@\69mport` and comments in between are all the same to a browser. What is not dangerous is passed on
 * unchanged, character by character, so that the recorded look survives.
 */

/** An empty resource: valid wherever an address is, and never a connection. */
const NOTHING = "data:,";

/** Functions in which a plain string is an address. */
const FETCHING = new Set([
  "url",
  "src",
  "image",
  "image-set",
  "-webkit-image-set",
  "cross-fade",
  "-webkit-cross-fade",
]);

/** Functions whose value comes from elsewhere, so that what they hold cannot be judged here. */
const SUBSTITUTING = new Set(["var", "attr", "env", "if", "inherit", "first-valid"]);

/** Properties in which `url(#id)` names an element of the same document and nothing else. */
const LOCAL_REFERENCE = new Set([
  "fill",
  "stroke",
  "filter",
  "backdrop-filter",
  "clip-path",
  "mask",
  "marker",
  "marker-start",
  "marker-mid",
  "marker-end",
]);

const DATA_IMAGE =
  /^data:image\/(?:png|jpe?g|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon|svg\+xml)(?:;[^,]*)?,/i;
const DATA_FONT =
  /^data:(?:font\/[a-z0-9.+-]+|application\/(?:x-)?font-[a-z0-9.+-]+|application\/(?:vnd\.ms-fontobject|octet-stream))(?:;[^,]*)?,/i;

/**
 * An address as an inert image, or null where it is none. SVG loses its fragment: with one a browser may take
 * it for a document of resources instead of a picture.
 */
export function inertImage(address: string): string | null {
  const trimmed = address.trim();
  if (!DATA_IMAGE.test(trimmed)) return null;
  if (!/^data:image\/svg/i.test(trimmed)) return trimmed;
  const fragment = trimmed.indexOf("#");
  return fragment === -1 ? trimmed : trimmed.slice(0, fragment);
}

/** The address of an embedded font, or null where it is none. */
export function inertFont(address: string): string | null {
  const trimmed = address.trim();
  return DATA_FONT.test(trimmed) ? trimmed : null;
}

function judge(address: string, property: string): string {
  const trimmed = address.trim();
  if (LOCAL_REFERENCE.has(property)) {
    if (/^#[^\s"'()\\<>]{1,200}$/.test(trimmed)) return trimmed;
    if (property !== "mask") return NOTHING;
  }
  return inertImage(trimmed) ?? inertFont(trimmed) ?? NOTHING;
}

const isNewline = (c: string) => c === "\n" || c === "\r" || c === "\f";
const isSpace = (c: string) => c === " " || c === "\t" || isNewline(c);
const isHex = (c: string) => /^[0-9a-f]$/i.test(c);
const isNameStart = (c: string) => c !== "" && (/^[a-z_]$/i.test(c) || c.charCodeAt(0) >= 0x80);
const isName = (c: string) => isNameStart(c) || (c >= "0" && c <= "9") || c === "-";

/** How a text is read: a whole sheet or rule, or what stands between the braces of one rule. */
export type CssKind = "sheet" | "declarations" | { property: string };

interface Reading {
  readonly text: string;
  at: number;
}

function escapeAt(text: string, at: number): boolean {
  return text[at] === "\\" && at + 1 < text.length && !isNewline(text[at + 1] ?? "");
}

/** Reads the escape at `at` (on the backslash). */
function readEscape(r: Reading): string {
  r.at += 1;
  let hex = "";
  while (hex.length < 6 && isHex(r.text[r.at] ?? "")) {
    hex += r.text[r.at];
    r.at += 1;
  }
  if (hex === "") {
    const point = r.text.codePointAt(r.at) ?? 0xfffd;
    const character = String.fromCodePoint(point);
    r.at += character.length;
    return character;
  }
  if (r.text[r.at] === "\r" && r.text[r.at + 1] === "\n") r.at += 2;
  else if (isSpace(r.text[r.at] ?? "")) r.at += 1;
  const point = Number.parseInt(hex, 16);
  const valid = point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return valid ? String.fromCodePoint(point) : "\ufffd";
}

function startsName(text: string, at: number): boolean {
  const c = text[at] ?? "";
  if (c !== "-") return isNameStart(c) || escapeAt(text, at);
  const next = text[at + 1] ?? "";
  return next === "-" || isNameStart(next) || escapeAt(text, at + 1);
}

function readName(r: Reading): string {
  let name = "";
  for (;;) {
    const c = r.text[r.at] ?? "";
    if (isName(c)) {
      name += c;
      r.at += 1;
    } else if (escapeAt(r.text, r.at)) {
      name += readEscape(r);
    } else {
      return name;
    }
  }
}

/** Reads a string from its quote on. `closed` is false at the end of the text or at a bare newline. */
function readString(r: Reading): { value: string; closed: boolean } {
  const quote = r.text[r.at];
  r.at += 1;
  let value = "";
  while (r.at < r.text.length) {
    const c = r.text[r.at] ?? "";
    if (c === quote) {
      r.at += 1;
      return { value, closed: true };
    }
    if (isNewline(c)) return { value, closed: false };
    if (c === "\\") {
      const next = r.text[r.at + 1];
      if (next === undefined) {
        r.at += 1;
      } else if (isNewline(next)) {
        r.at += next === "\r" && r.text[r.at + 2] === "\n" ? 3 : 2;
      } else {
        value += readEscape(r);
      }
    } else {
      value += c;
      r.at += 1;
    }
  }
  return { value, closed: false };
}

/** Reads the rest of `url(` without quotes, up to and with its parenthesis. */
function readBareUrl(r: Reading): string {
  let value = "";
  while (r.at < r.text.length) {
    const c = r.text[r.at] ?? "";
    if (c === ")") {
      r.at += 1;
      return value;
    }
    if (c === "\\") {
      if (escapeAt(r.text, r.at)) value += readEscape(r);
      else r.at += 1;
    } else {
      value += c;
      r.at += 1;
    }
  }
  return value;
}

function skipComment(r: Reading): void {
  const end = r.text.indexOf("*/", r.at + 2);
  r.at = end === -1 ? r.text.length : end + 2;
}

/** Leaves out an at-rule: up to its semicolon, or with its block, or to the end of the block around it. */
function skipAtRule(r: Reading): void {
  let depth = 0;
  while (r.at < r.text.length) {
    const c = r.text[r.at] ?? "";
    if (c === '"' || c === "'") {
      readString(r);
    } else if (c === "/" && r.text[r.at + 1] === "*") {
      skipComment(r);
    } else if (escapeAt(r.text, r.at)) {
      readEscape(r);
    } else {
      if (c === "}" && depth === 0) return;
      r.at += 1;
      if (c === ";" && depth === 0) return;
      if (c === "{") depth += 1;
      if (c === "}") {
        depth -= 1;
        if (depth === 0) return;
      }
    }
  }
}

const quoted = (address: string) => `"${address.replace(/["\\\n\r\f]/g, "")}"`;

class InertCss {
  readonly #r: Reading;
  readonly #out: string[] = [];
  /** Open parentheses; the name of the function, or "" for a bare one. */
  readonly #functions: string[] = [];
  #property: string;
  #candidate: string | null = null;
  #expectsProperty: boolean;

  constructor(text: string, kind: CssKind) {
    this.#r = { text, at: 0 };
    this.#property = typeof kind === "object" ? kind.property : "";
    this.#expectsProperty = kind === "declarations";
  }

  run(): string {
    const r = this.#r;
    while (r.at < r.text.length) this.#token(r.text[r.at] ?? "");
    this.#out.push(")".repeat(this.#functions.length));
    return this.#out.join("");
  }

  #token(c: string): void {
    const r = this.#r;
    const from = r.at;
    if (c === "/" && r.text[r.at + 1] === "*") {
      skipComment(r);
      this.#out.push("/**/");
    } else if (c === '"' || c === "'") {
      this.#string(from, c);
    } else if (c === "@" && startsName(r.text, r.at + 1)) {
      r.at += 1;
      if (readName(r).toLowerCase() === "import") {
        skipAtRule(r);
        this.#out.push("/**/");
      } else {
        this.#pass(from);
      }
    } else if (startsName(r.text, r.at)) {
      this.#name(from);
    } else if (c === "#" || (c >= "0" && c <= "9")) {
      // A hash or a dimension swallows the name that follows: `#url(` and `1url(` are no functions.
      r.at += 1;
      readName(r);
      this.#pass(from);
    } else if (c === "\\" && r.at + 1 >= r.text.length) {
      r.at += 1; // a backslash at the end would reach into whatever follows this text
    } else {
      this.#punctuation(c);
    }
  }

  #pass(from: number): void {
    this.#out.push(this.#r.text.slice(from, this.#r.at));
    this.#candidate = null;
    this.#expectsProperty = false;
  }

  #fetching(): boolean {
    return this.#functions.some((name) => FETCHING.has(name));
  }

  #string(from: number, quote: string): void {
    const { value, closed } = readString(this.#r);
    if (this.#fetching()) {
      this.#out.push(quoted(judge(value, this.#property)));
      return;
    }
    let raw = this.#r.text.slice(from, this.#r.at);
    if (!closed && this.#r.at >= this.#r.text.length) {
      const trailing = /\\+$/.exec(raw)?.[0].length ?? 0;
      raw = (trailing % 2 === 1 ? raw.slice(0, -1) : raw) + quote;
    }
    this.#out.push(raw);
    this.#candidate = null;
  }

  /**
   * Links have lost their addresses (`elements.ts`), so `:link` and `[href]` would no longer find them; they are
   * read as the mark left in their place, which weighs the same in a selector.
   */
  #linkSelector(name: string): boolean {
    const before = this.#out.at(-1);
    if (before === ":" && (name === "link" || name === "any-link")) {
      this.#out.pop();
      this.#out.push("[data-clerestory-link]");
      return true;
    }
    if (before === "[" && name === "href" && this.#r.text[this.#r.at] === "]") {
      this.#out.push("data-clerestory-link");
      return true;
    }
    return false;
  }

  #name(from: number): void {
    const r = this.#r;
    const name = readName(r).toLowerCase();
    if (this.#linkSelector(name)) return;
    if (r.text[r.at] !== "(") {
      const expected = this.#expectsProperty;
      this.#pass(from);
      if (expected) this.#candidate = name;
      return;
    }
    r.at += 1;
    if (name === "url") {
      let ahead = r.at;
      while (isSpace(r.text[ahead] ?? "")) ahead += 1;
      const next = r.text[ahead];
      if (next !== '"' && next !== "'") {
        this.#out.push(`url(${quoted(judge(readBareUrl(r), this.#property))})`);
        return;
      }
    }
    if (this.#fetching() && (SUBSTITUTING.has(name) || name.startsWith("--"))) {
      this.#out.push("inert(");
      this.#functions.push(name);
      return;
    }
    this.#functions.push(name);
    this.#pass(from);
  }

  #punctuation(c: string): void {
    this.#r.at += 1;
    this.#out.push(c === "\0" ? "\ufffd" : c);
    if (isSpace(c)) return;
    if (c === "(") this.#functions.push("");
    if (c === ")") this.#functions.pop();
    if (c === ":" && this.#candidate !== null) {
      this.#property = this.#candidate.replace(/^-webkit-/, "");
    }
    if (c === "{" || c === "}" || c === ";") {
      // A block or semicolon inside an open parenthesis belongs to it; only outside does a declaration begin.
      if (this.#functions.length === 0) {
        this.#property = "";
        this.#expectsProperty = true;
        this.#candidate = null;
        return;
      }
    }
    this.#candidate = null;
    this.#expectsProperty = false;
  }
}

/** Whether a text can hold an address at all. Cheap, and never wrong on the safe side. */
// A NUL ends up as another character in a browser.
const SUSPICIOUS = /\\|url|import|image|src|cross-fade|\0/i;

/**
 * CSS without anything that is fetched.
 *
 * The result is closed in itself: strings, comments and parentheses do not reach past its end, so texts made
 * inert one by one stay so when a browser joins them (the text nodes of one `<style>`).
 */
export function inertCss(text: string, kind: CssKind = "sheet"): string {
  if (kind !== "sheet" && !SUSPICIOUS.test(text)) return text;
  return new InertCss(text, kind).run();
}
