/**
 * Makes CSS fit to leave the page: no addresses, no imports, and no text in it where text is masked.
 *
 * One pass over the text; only what matters is looked at, the rest is copied. An address becomes the empty data URL, which
 * keeps the declaration valid and loads nothing.
 */
import { MASK } from "./attributes";

const EMPTY_URL = 'url("data:,")';
const INLINED_IMAGE = /^data:image\/(?:png|jpe?g|gif|webp|avif)[;,]/i;
/** Properties whose strings are drawn as text. Custom properties are among them: any may end in `content`. */
const TEXT_PROPERTY = /^(?:content|quotes|list-style|list-style-type|--.*)$/i;
const ADDRESS_FUNCTION = /^(?:url|src|url-prefix|domain)$/;
const COLOUR = /\b(?:rgb|hsl)a?\([\d\s.,%/]*\)/gi;
/**
 * Sizes, angles, times, colours and words of CSS that are nobody's name. A bare number is not among them: it may be a
 * balance.
 */
const LOOK =
  /^(?:|[-+]?(?:\d+|\d*\.\d+)(?:%|r?em|px|pt|r?ex|r?ch|r?lh|[sld]?v(?:h|w|min|max)|cq(?:w|h)|[cm]m|in|deg|turn|rad|m?s|fr)|#[\da-f]{3,8}|var\(--[\w-]+\)|transparent|currentcolor|none|auto|inherit|initial|unset|normal|bold|italic|(?:inline-)?(?:block|flex|grid)|hidden|visible|left|right|top|bottom|center|start|end|row|column|(?:no)?wrap|solid|dashed|linear|ease(?:-in)?(?:-out)?|!important)$/i;
/** Longer values are not looked at piece by piece. */
const LOOK_LENGTH = 200;

/** Whether the value of a custom property only says how something looks. */
const isLook = (value: string): boolean =>
  value.length <= LOOK_LENGTH &&
  value
    .replace(COLOUR, "none")
    .split(/[\s,/]+/)
    .every((part) => LOOK.test(part));

/** Icons and punctuation say nothing about a person: kept where the string holds no letter or digit. */
const WORDLESS = /^[^\p{L}\p{N}]*$/u;

const unescaped = (text: string): string =>
  text.replace(
    /\\(?:([0-9a-fA-F]{1,6})\s?|([\s\S]))/g,
    (_, hex: string | undefined, other: string | undefined) => {
      if (hex === undefined) return other ?? "";
      const code = Number.parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    },
  );

export interface CssPlace {
  /** Text in the style sheet may be seen: the element it belongs to is shown. */
  readonly shown: boolean;
  readonly mediaAllowed: boolean;
  /** These are declarations of one element, not a sheet for many: what custom properties hold there may be data. */
  readonly own?: boolean;
}

function keptUrl(address: string, place: CssPlace): string {
  const isPlain = !/["\\\n]/.test(address);
  if (isPlain && address.startsWith("#")) return `url("${address}")`;
  return isPlain && place.mediaAllowed && INLINED_IMAGE.test(address) ? `url("${address}")` : EMPTY_URL;
}

/** Past the string that begins at `from`; a line end closes it, as in CSS. */
function endOfString(css: string, from: number): number {
  const quote = css[from];
  for (let at = from + 1; at < css.length; at += 1) {
    const letter = css[at];
    if (letter === "\\") at += 1;
    else if (letter === quote) return at + 1;
    else if (letter === "\n") return at;
  }
  return css.length;
}

/** Past the bracket that closes an argument, whatever strings and escapes are in it. */
function endOfArgument(css: string, from: number): number {
  for (let at = from; at < css.length; at += 1) {
    const letter = css[at];
    if (letter === "\\") at += 1;
    else if (letter === ")") return at + 1;
  }
  return css.length;
}

const isNameLetter = (code: number): boolean =>
  (code >= 97 && code <= 122) ||
  (code >= 65 && code <= 90) ||
  (code >= 48 && code <= 57) ||
  code === 45 ||
  code === 95 ||
  code >= 128;

/** A hexadecimal escape takes one white space after it along. */
const ESCAPE = /\\(?:[0-9a-f]{1,6}\s?|[^\n])/iy;

function endOfName(css: string, from: number): number {
  let at = from;
  for (;;) {
    ESCAPE.lastIndex = at;
    if (css[at] === "\\" && ESCAPE.test(css)) at = ESCAPE.lastIndex;
    else if (at < css.length && isNameLetter(css.charCodeAt(at))) at += 1;
    else return at;
  }
}

function endOfSpace(css: string, from: number): number {
  let at = from;
  while (/\s/.test(css[at] ?? "")) at += 1;
  return at;
}

/** Past white space and comments, which may stand between the name of a property and its colon. */
function endOfGap(css: string, from: number): number {
  let at = endOfSpace(css, from);
  while (css.startsWith("/*", at)) {
    const end = css.indexOf("*/", at + 2);
    at = end < 0 ? css.length : endOfSpace(css, end + 2);
  }
  return at;
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** To the `;` behind a declaration's value, or to the end: brackets, strings and comments may hold others. */
function endOfValue(css: string, from: number): number {
  const open: string[] = [];
  for (let at = from; at < css.length; at += 1) {
    const letter = css[at] ?? "";
    const closing = CLOSING[letter];
    if (letter === ";" && open.length === 0) return at;
    if (letter === "\\") at += 1;
    else if (letter === '"' || letter === "'") at = endOfString(css, at) - 1;
    else if (css.startsWith("/*", at)) at = endOfGap(css, at) - 1;
    else if (closing) open.push(closing);
    else if (letter === open.at(-1)) open.pop();
  }
  return css.length;
}

/** Past the `;` that ends a rule without a block. */
function endOfImport(css: string, from: number): number {
  for (let at = from; at < css.length; at += 1) {
    const letter = css[at];
    if (letter === '"' || letter === "'") at = endOfString(css, at) - 1;
    else if (letter === "(") at = endOfArgument(css, at + 1) - 1;
    else if (letter === ";") return at + 1;
  }
  return css.length;
}

/** A style sheet, a rule or the declarations of a `style` attribute as they may leave. Takes linear time. */
export function filterCss(css: string, place: CssPlace): string {
  if (!/["'@\\(]|\/\*|--|counter-/i.test(css)) return css;
  let out = "";
  let copied = 0;
  let property = "";
  /** Inside `image-set(` and the like, where strings are addresses. */
  let addresses = false;
  let at = 0;
  const put = (text: string, from: number, to: number): void => {
    out += css.slice(copied, from) + text;
    copied = to;
    at = to;
  };
  while (at < css.length) {
    const letter = css[at] ?? "";
    if (letter === "/" && css[at + 1] === "*") {
      const end = css.indexOf("*/", at + 2);
      put("", at, end < 0 ? css.length : end + 2);
    } else if (letter === '"' || letter === "'") {
      const end = endOfString(css, at);
      const text = unescaped(css.slice(at + 1, end));
      if (addresses) put('"data:,"', at, end);
      else if (!place.shown && TEXT_PROPERTY.test(property) && !WORDLESS.test(text))
        put(`"${MASK}"`, at, end);
      else at = end;
    } else if (letter === "{" || letter === "}" || letter === ";") {
      property = "";
      addresses = false;
      at += 1;
    } else if (letter === "@") {
      const end = endOfName(css, at + 1);
      if (unescaped(css.slice(at + 1, end)).toLowerCase() === "import") put("", at, endOfImport(css, end));
      else at = end;
    } else if (letter === "\\" || isNameLetter(letter.charCodeAt(0))) {
      const end = Math.max(endOfName(css, at), at + 1);
      const name = unescaped(css.slice(at, end)).toLowerCase();
      const after = endOfGap(css, end);
      if (css[end] === "(" && ADDRESS_FUNCTION.test(name)) {
        const start = endOfSpace(css, end + 1);
        const quoted = css[start] === '"' || css[start] === "'";
        const stop = endOfArgument(css, quoted ? endOfString(css, start) : start);
        const raw = quoted
          ? css.slice(start + 1, endOfString(css, start) - 1)
          : css.slice(start, stop - 1).trim();
        put(keptUrl(unescaped(raw), place), at, stop);
      } else {
        const start = at;
        at = end;
        if (css[end] === "(" && /image(?:-set)?$/.test(name)) addresses = true;
        else if (css[after] === ":") {
          property = name;
          if (place.own && !place.shown && name.startsWith("--")) {
            const stop = endOfValue(css, after + 1);
            const value = css.slice(after + 1, stop);
            put(isLook(value) ? `:${value}` : ":initial", end, stop);
          }
        } else if (!place.shown && property.startsWith("counter-") && /^-?\d/.test(name)) put("", start, end);
      }
    } else {
      at += 1;
    }
  }
  return out + css.slice(copied);
}
