/** Pictures, films and foreign frames: what becomes a placeholder, and how large it is. */
import { nameOf } from "../policy/dom";

const ALWAYS_PLACEHOLDERS = new Set(["video", "audio", "object", "embed", "applet"]);
const CHILDLESS = new Set([
  ...["textarea", "script", "noscript", "template", "iframe", "frame", "noembed", "noframes"],
  ...["video", "audio", "object", "embed", "applet", "canvas"],
]);

const HTML = "http://www.w3.org/1999/xhtml";

/** Elements whose content is not page: fallback, source text, or the value of a field. */
export const keepsNoChildren = (element: Element): boolean =>
  element.namespaceURI === HTML && CHILDLESS.has(nameOf(element));

export function isPicture(element: Element): boolean {
  switch (nameOf(element)) {
    case "img":
    case "canvas":
    case "image":
      return true;
    case "input":
      return (element as Partial<HTMLInputElement>).type === "image";
    default:
      return false;
  }
}

/** A frame this page may look into is recorded like the page; any other is a placeholder. */
function isForeignFrame(element: Element): boolean {
  if (nameOf(element) !== "iframe" && nameOf(element) !== "frame") return false;
  try {
    return (element as HTMLIFrameElement).contentDocument === null;
  } catch {
    return true;
  }
}

/** Whether the element leaves only its size. */
export const isPlaceholder = (element: Element, mediaAllowed: boolean): boolean =>
  ALWAYS_PLACEHOLDERS.has(nameOf(element)) ||
  isForeignFrame(element) ||
  (isPicture(element) && (!mediaAllowed || nameOf(element) === "image"));

/** The size on the screen, as rrweb's player reads it. */
export function placeholderSize(element: Element): { rr_width: string; rr_height: string } {
  const { width, height } = element.getBoundingClientRect();
  return { rr_width: `${width}px`, rr_height: `${height}px` };
}
