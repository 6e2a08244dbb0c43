/**
 * Which attributes may leave the page. A list of what is kept, so that an attribute nobody thought of stays.
 *
 * The lists are those of `policies/vectors/attributes.json`; a test holds them equal.
 */

/** What stands for any text or value under the policy, whatever its length. */
export const MASK = "•••••";

const set = (names: string): ReadonlySet<string> => new Set(names.split(" "));

export const ALWAYS = set(
  "_csstext align alignment-baseline amplitude azimuth basefrequency baseline-shift bgcolor border cellpadding cellspacing class clip-path clip-rule clippathunits color color-interpolation color-interpolation-filters cols colspan cx cy d data-clerestory diffuseconstant dir direction disabled display dominant-baseline dx dy elevation exponent exportparts face fill fill-opacity fill-rule filter filterunits flood-color flood-opacity font-family font-size font-stretch font-style font-variant font-weight for fr fx fy gradienttransform gradientunits height hidden id image-rendering in in2 inert intercept k1 k2 k3 k4 lang lengthadjust letter-spacing lighting-color marker-end marker-mid marker-start markerheight markerunits markerwidth mask maskcontentunits maskunits media mode multiple nowrap numoctaves offset opacity open operator orient overflow paint-order part pathlength patterncontentunits patterntransform patternunits pointer-events points preserveaspectratio primitiveunits r readonly refx refy result reversed role rotate rows rowspan rr_height rr_open_mode rr_scrollleft rr_scrolltop rr_width rx ry scale seed shape-rendering size slope slot span specularconstant specularexponent spreadmethod start stddeviation stitchtiles stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width style surfacescale tabindex tablevalues text-anchor text-decoration text-rendering textlength transform type unicode-bidi valign values vector-effect viewbox visibility width word-spacing writing-mode x x1 x2 xchannelselector y y1 y2 ychannelselector",
);
export const SHOWN = set("alt high label low max min optimum placeholder step title");
export const FIELD_STATE = set("checked selected");
export const VALUE_TAGS = set("input option textarea select button progress meter");

const INLINED_IMAGE = /^data:image\/(?:png|jpe?g|gif|webp|avif)[;,]/i;

export interface AttributePlace {
  /** In lower case. */
  readonly tag: string;
  /** The element is shown, not masked. Excluded elements keep no attribute at all. */
  readonly shown: boolean;
  readonly neverShown: boolean;
  readonly mediaAllowed: boolean;
}

/** A link's target without query and fragment, or `null` where it is not a plain web address. */
function plainUrl(value: string): string | null {
  const url = value
    .replace(/[\t\n\r]/g, "")
    .replace(/^[\0- ]+|[\0- ]+$/g, "")
    .replace(/[?#][\s\S]*$/, "");
  const scheme = /^([^/\\]*?):/.exec(url)?.[1];
  if (scheme !== undefined && !/^https?$/i.test(scheme)) return null;
  const authority = /^(?:https?:)?[/\\]*([^/\\]*)/i.exec(url);
  const hasAuthority = scheme !== undefined || /^[/\\]{2}/.test(url);
  return hasAuthority && authority?.[1]?.includes("@") ? null : url;
}

/** What becomes of one attribute: its value as it may leave, or `null` where it stays. */
export function filterAttribute(place: AttributePlace, name: string, value: string): string | null {
  const key = name.toLowerCase();
  if (ALWAYS.has(key)) return value;
  if (SHOWN.has(key) || key.startsWith("aria-")) return place.shown ? value : null;
  if (key === "href") return place.shown ? plainUrl(value) : null;
  if (FIELD_STATE.has(key)) return place.shown && !place.neverShown ? value : null;
  if (key === "value") {
    if (!VALUE_TAGS.has(place.tag)) return null;
    return place.shown && !place.neverShown ? value : value === "" ? "" : MASK;
  }
  if (key === "src" || key === "rr_dataurl")
    return place.mediaAllowed && INLINED_IMAGE.test(value) ? value : null;
  return null;
}
