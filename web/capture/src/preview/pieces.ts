/** The pieces of the page a person sees, with what becomes of them. */
import { isPicture, isPlaceholder } from "../engine/media";
import type { Judge } from "../policy/judge";

export type Seen = "shown" | "masked" | "excluded" | "blocked";

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const MOST = 400;
const FIELDS = /^(?:input|textarea|select|button)$/;
const UNSEEN = /^(?:script|style|noscript|template|head|title|meta|link)$/;

export const rectOf = (element: Element): Rect => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return { x, y, width, height };
};

export function seenAs(judge: Judge, element: Element): Seen {
  const decision = judge.decide(element);
  if (decision === "exclude") return "excluded";
  if (isPlaceholder(element, judge.mediaAllowed(element)) || judge.hidesDrawing(element)) return "blocked";
  return decision === "show" && !judge.neverShown(element) ? "shown" : "masked";
}

/** At most 400, in document order; an excluded element counts as a whole. */
export function visiblePieces(judge: Judge): { rect: Rect; decision: Seen }[] {
  judge.forget();
  const pieces: { rect: Rect; decision: Seen }[] = [];
  const stack: Element[] = document.body ? [document.body] : [];
  for (let element = stack.pop(); element && pieces.length < MOST; element = stack.pop()) {
    if (UNSEEN.test(element.localName)) continue;
    const decision = seenAs(judge, element);
    const whole =
      decision === "excluded" ||
      decision === "blocked" ||
      FIELDS.test(element.localName) ||
      isPicture(element);
    if (whole || hasOwnText(element)) {
      const rect = rectOf(element);
      const visible = rect.width > 0 && rect.height > 0 && rect.y < innerHeight && rect.y + rect.height > 0;
      if (visible && rect.x < innerWidth && rect.x + rect.width > 0) pieces.push({ rect, decision });
    }
    if (whole) continue;
    const inside = [...element.children, ...(element.shadowRoot?.children ?? [])];
    for (let i = inside.length - 1; i >= 0; i -= 1) {
      const child = inside[i];
      if (child) stack.push(child);
    }
  }
  return pieces;
}

function hasOwnText(element: Element): boolean {
  for (let node = element.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === Node.TEXT_NODE && /\S/.test(node.nodeValue ?? "")) return true;
  }
  return false;
}
