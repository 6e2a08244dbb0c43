/**
 * Makes CSS fit to leave the page: no addresses, no imports, and no text in it where text is masked.
 *
 * One pass over the tokens that matter; everything else is copied. An address becomes the empty data URL, which
 * keeps the declaration valid and loads nothing.
 */
import { MASK } from "./attributes";

const STRING = /"(?:\\[^]|[^"\\])*(?:"|$)|'(?:\\[^]|[^'\\])*(?:'|$)/.source;
const TOKENS = new RegExp(
  [
    /\/\*[^]*?(?:\*\/|$)/.source,
    `@import(?:\\s|(?=["'(]))(?:${STRING}|[^;"'{}])*;?`,
    // A function name may be written with escapes, `u\72l(`; whatever resolves to url, src or image-set is one.
    `(?:[\\w-]|\\\\(?:[0-9a-fA-F]{1,6}\\s?|[^\\n]))+\\(\\s*`,
    STRING,
    /[{};]/.source,
    /(?:[\w-]|\\[^\n])+\s*:/.source,
  ].join("|"),
  "gi",
);

const EMPTY_URL = 'url("data:,")';
const INLINED_IMAGE = /^data:image\/(?:png|jpe?g|gif|webp|avif)[;,]/i;
/** Properties whose strings are drawn as text. Custom properties are among them: any may end in `content`. */
const TEXT_PROPERTY = /^(?:content|quotes|list-style|list-style-type|--.*)$/i;
/** Icons and punctuation say nothing about a person: kept where the string holds no letter or digit. */
const WORDLESS = /^[^\p{L}\p{N}]*$/u;

const unescape = (text: string): string =>
  text.replace(/\\(?:([0-9a-fA-F]{1,6})\s?|([^]))/g, (_, hex: string | undefined, other: string | undefined) => {
    if (hex === undefined) return other ?? "";
    const code = Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  });

export interface CssPlace {
  /** Text in the style sheet may be seen: the element it belongs to is shown. */
  readonly shown: boolean;
  readonly mediaAllowed: boolean;
}

/** Where the argument of an unquoted `url(` ends, past its bracket. */
function endOfUrl(css: string, from: number): number {
  for (let at = from; at < css.length; at += 1) {
    if (css[at] === "\\") at += 1;
    else if (css[at] === ")") return at + 1;
  }
  return css.length;
}

function keptUrl(address: string, place: CssPlace): string {
  if (address.startsWith("#") && !/["\\\n]/.test(address)) return `url("${address}")`;
  const kept = place.mediaAllowed && INLINED_IMAGE.test(address) && !/["\\\n]/.test(address);
  return kept ? `url("${address}")` : EMPTY_URL;
}

/** A style sheet, a rule or the declarations of a `style` attribute as they may leave. */
export function filterCss(css: string, place: CssPlace): string {
  if (!/["'@\\]|\(/.test(css)) return css;
  const tokens = new RegExp(TOKENS);
  let out = "";
  let copied = 0;
  let property = "";
  /** Depth of brackets inside `image-set(` and the like, whose strings are addresses. */
  let addresses = false;
  for (let token = tokens.exec(css); token; token = tokens.exec(css)) {
    const text = token[0];
    const first = text[0] ?? "";
    let replaced: string | null = null;
    let end = tokens.lastIndex;
    if (text.startsWith("/*")) {
      replaced = "";
    } else if (/^@import/i.test(text)) {
      replaced = "";
    } else if (first === '"' || first === "'") {
      if (addresses) replaced = '"data:,"';
      else if (!place.shown && TEXT_PROPERTY.test(property) && !WORDLESS.test(unescape(text.slice(1, -1)))) {
        replaced = `"${MASK}"`;
      }
    } else if (text.includes("(")) {
      const name = unescape(text.slice(0, text.indexOf("("))).toLowerCase();
      if (name === "url" || name === "src" || name === "url-prefix" || name === "domain") {
        const quoted = new RegExp(STRING, "y");
        quoted.lastIndex = end;
        const string = quoted.exec(css)?.[0];
        const stop = endOfUrl(css, end + (string?.length ?? 0));
        const raw = string ? string.slice(1, -1) : css.slice(end, stop - 1).trim();
        replaced = keptUrl(unescape(raw), place);
        end = stop;
      } else if (name.endsWith("image-set") || name.endsWith("image")) {
        addresses = true;
      }
    } else if (first === "{" || first === "}" || first === ";") {
      property = "";
      addresses = false;
    } else {
      property = unescape(text.slice(0, -1).trim());
    }
    if (replaced !== null) {
      out += css.slice(copied, token.index) + replaced;
      copied = end;
      tokens.lastIndex = end;
    }
  }
  return out + css.slice(copied);
}
