/**
 * Which elements and attributes a rebuilt document may have.
 *
 * Elements keep their names wherever a bare element is harmless, so that structure and selectors survive.
 * Attributes are taken if they are known to be harmless, or if they are unknown and their value could not name
 * anything; everything that holds an address is left out, but for pictures that are in the recording itself.
 */
import { inertCss, inertImage } from "./css.ts";

/** An element's name as it will be built. */
export interface Tag {
  readonly name: string;
  readonly svg: boolean;
}

/** Elements that load, navigate or run by being there. */
const REPLACED = new Map([
  ["script", "noscript"],
  ["frame", "div"],
  ["frameset", "div"],
  ["applet", "div"],
  ["portal", "div"],
  ["fencedframe", "div"],
  ["webview", "div"],
  ["bgsound", "div"],
  ["isindex", "div"],
]);

export function inertTag(raw: unknown, svg: boolean): Tag {
  const name = typeof raw === "string" ? raw : "";
  if (!/^[a-z][a-z0-9._-]{0,99}$/i.test(name)) return { name: svg ? "g" : "div", svg };
  const lower = name.toLowerCase();
  const replaced = REPLACED.get(lower);
  if (replaced !== undefined) return { name: replaced, svg: false };
  return { name: svg ? name : lower, svg };
}

/** Attributes that hold an address, start something or change how addresses are read, on any element. */
const FORBIDDEN = new Set(
  (
    "srcset imagesrcset srcdoc action formaction ping data background manifest profile longdesc cite classid " +
    "codebase code archive lowsrc dynsrc usemap object icon " +
    "target formtarget formmethod formenctype download rel rev as integrity nonce crossorigin referrerpolicy " +
    "fetchpriority autofocus autoplay preload loading http-equiv content sandbox allow allowfullscreen csp " +
    "credentialless attributionsrc browsingtopics sharedstoragewritable privatetoken is shadowrootmode " +
    "shadowrootclonable accesskey contenteditable enterkeyhint itemid itemtype form popovertarget command " +
    "commandfor invoketarget interestfor xml:base xmlns xmlns:xlink"
  ).split(" "),
);

/** Attributes that hold an address and are taken in some places with a harmless one. */
const ADDRESSES = new Set(["src", "href", "xlink:href", "poster"]);

/** What an animation may change, and so only what cannot be an address. */
const ANIMATABLE = new Set(
  (
    "x y x1 y1 x2 y2 cx cy r rx ry width height d points opacity fill-opacity stroke-opacity stroke-width " +
    "stroke-dasharray stroke-dashoffset transform offset viewbox fx fy stop-opacity visibility"
  ).split(" "),
);
const ANIMATION = /^(?:animate|animatemotion|animatetransform|animatecolor|set|discard)$/;
const ANIMATION_VALUES = new Set(["values", "to", "from", "by"]);

/** Presentation attributes whose value is read as CSS and may hold `url()`. */
const CSS_VALUES = new Set(
  (
    "fill stroke filter clip-path mask marker marker-start marker-mid marker-end cursor color-profile " +
    "mask-image background-image list-style-image"
  ).split(" "),
);

/** Marks what was a link: it has no address any more and must still look like one. `css.ts` rewrites selectors. */
export const LINK_MARK = "data-clerestory-link";

/** Elements for which `src` is a picture. `input` shows one only as `type=image`. */
const PICTURES = new Set(["img", "input"]);

/** SVG elements that may refer to an element of their own document. */
const LOCAL_LINKS = new Set(
  (
    "use lineargradient radialgradient pattern textpath mpath filter animate animatemotion animatetransform " +
    "set"
  ).split(" "),
);

/** Elements whose `name` or `id` would shadow members of the document or of a form that rrweb calls. */
const NAMED_ON_DOCUMENT = new Set(["img", "form", "iframe", "embed", "object"]);
const NAMED_ON_FORM = new Set("button fieldset input object output select textarea img".split(" "));
const SHADOWING = new Set(
  (
    "addEventListener appendChild attachShadow attributes blur childNodes children classList click cloneNode " +
    "close contains contentDocument dispatchEvent firstChild focus getAttribute getBoundingClientRect getRootNode " +
    "hasAttribute host innerHTML insertBefore isConnected lastChild nextSibling nodeName nodeType offsetHeight " +
    "offsetWidth open ownerDocument parentElement parentNode play pause previousSibling querySelector " +
    "querySelectorAll remove removeAttribute removeChild replaceChild RRNodeType rules scrollLeft scrollTo " +
    "scrollTop setAttribute setAttributeNS shadowRoot sheet style tagName textContent __proto__ constructor"
  ).split(" "),
);

const LENGTH = /^(?:\d{1,5}(?:\.\d{1,4})?)(?:px)?$/;
const HARMLESS = /^[\w .,;#%()+\-\u0080-\uffff]*$/;

/**
 * One attribute made inert, or null where it is left out.
 *
 * Takes what rrweb records: strings, `true` for a bare attribute, numbers for its own `rr_` ones.
 */
export function inertAttribute(tag: Tag, rawName: string, value: unknown): string | number | true | null {
  if (typeof value !== "string" && typeof value !== "number" && value !== true) return null;
  if (!/^[a-z_][\w:.-]{0,99}$/i.test(rawName)) return null;
  const name = rawName.toLowerCase();
  if (name.startsWith("on")) return null;
  if (name.startsWith("rr_")) return engineAttribute(tag, name, value);
  if (name === "_csstext") return styleText(tag, rawName, value);
  if (tag.name === "meta") return null;
  if (tag.name === "base") return null;
  if (tag.name === "link") return name === "media" && typeof value === "string" ? value : null;
  if (FORBIDDEN.has(name)) return null;
  if (value === true || typeof value === "number") return ADDRESSES.has(name) ? null : value;
  return textAttribute(tag, name, value);
}

function textAttribute(tag: Tag, name: string, value: string): string | null {
  if (name === "style") return inertCss(value, "declarations");
  if (name === "src" || name === "poster") {
    return name === "poster" || PICTURES.has(tag.name) ? inertImage(value) : null;
  }
  if (name === "href" || name === "xlink:href") return link(tag, value);
  if (tag.svg && ANIMATION.test(tag.name.toLowerCase())) return animation(name, value);
  if (CSS_VALUES.has(name)) return inertCss(value, { property: name });
  if (name === "name" || name === "id") return naming(tag, name, value);
  if (name.startsWith("data-") || name.startsWith("aria-") || isPlain(name)) return value;
  return value.length <= 400 && HARMLESS.test(value) ? value : null;
}

/** Attributes that are text, numbers or shapes whatever they hold. */
const PLAIN = new Set(
  (
    "class title alt placeholder label value type role colspan rowspan width height dir lang hidden open disabled " +
    "readonly multiple rows cols size checked selected for tabindex media summary scope start min max step " +
    "maxlength pattern wrap align valign bgcolor color face border cellpadding cellspacing d points transform " +
    "viewbox version preserveaspectratio"
  ).split(" "),
);
const isPlain = (name: string) => PLAIN.has(name);

function link(tag: Tag, value: string): string | null {
  const local = /^\s*#[^\s"'()\\<>]{1,200}\s*$/.test(value);
  if (tag.svg && local && LOCAL_LINKS.has(tag.name.toLowerCase())) return value.trim();
  if (tag.svg && tag.name.toLowerCase() === "image") return inertImage(value);
  return null;
}

function animation(name: string, value: string): string | null {
  if (name === "attributename") {
    return ANIMATABLE.has(value.trim().toLowerCase()) ? value.trim() : null;
  }
  if (ANIMATION_VALUES.has(name)) return /^[\w .,;#%()+-]*$/.test(value) ? value : null;
  return HARMLESS.test(value) ? value : null;
}

function naming(tag: Tag, name: string, value: string): string | null {
  if (name === "name" && NAMED_ON_DOCUMENT.has(tag.name)) return null;
  if (tag.name === "object" || tag.name === "embed") return null;
  if (NAMED_ON_FORM.has(tag.name) && SHADOWING.has(value)) return null;
  return value;
}

function styleText(tag: Tag, rawName: string, value: unknown): string | null {
  if (rawName !== "_cssText" || typeof value !== "string") return null;
  if (tag.name !== "style" && tag.name !== "link") return null;
  return inertCss(value.split("/* rr_split */").join(""));
}

/**
 * A frame without scripts shows a canvas as its fallback content (HTML, section 4.12.5), so its picture is shown as
 * a background instead; `easel.ts` has the rules. These are the variables that carry it, at the weight of a style
 * attribute but in names no page uses.
 */
export function canvasStyle(attributes: Readonly<Record<string, string | number | true>>): string {
  const pixels = (name: string, fallback: number) => {
    const value = Number(attributes[name]);
    return Number.isFinite(value) && value > 0 && value < 32_768 ? Math.round(value) : fallback;
  };
  const [width, height] = [pixels("width", 300), pixels("height", 150)];
  return `--clerestory-wide:${width}px;--clerestory-shape:${width}/${height}`;
}

/** The variable that holds what was drawn, and its value. */
export const CANVAS_DRAWN = "--clerestory-drawn";
export const drawn = (picture: string): string => `url("${picture.replace(/["\\\n\r\f]/g, "")}")`;

/** What rrweb adds by itself: sizes of what is missing, scroll places, pictures of canvases and images. */
function engineAttribute(
  tag: Tag,
  name: string,
  value: string | number | true,
): string | number | true | null {
  switch (name) {
    case "rr_width":
    case "rr_height":
      return LENGTH.test(String(value)) ? withUnit(String(value)) : null;
    case "rr_scrolltop":
    case "rr_scrollleft":
      return typeof value === "number" && Number.isFinite(value) ? value : null;
    case "rr_dataurl":
      if (typeof value !== "string" || (tag.name !== "canvas" && tag.name !== "img")) return null;
      return inertImage(value);
    case "rr_open_mode":
      return tag.name === "dialog" && (value === "modal" || value === "non-modal") ? value : null;
    default:
      return null;
  }
}

const withUnit = (length: string) => (length.endsWith("px") ? length : `${length}px`);
