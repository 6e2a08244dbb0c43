/** Lets the editor's user point at an element: an outline follows the pointer, a click names what is under it. */
import { type Judge, parentAcross } from "../policy/judge";
import { matches, parseSelector } from "../policy/selectors";
import { type Rect, rectOf, type Seen, seenAs } from "./pieces";

interface Named {
  readonly selector: string;
  readonly label: string;
  readonly rect: Rect;
  readonly decision: Seen;
}

const IDENTIFIER = /^(?:-?[A-Za-z_]|--)[\w-]*$/;
const COLOUR: Record<Seen, string> = {
  shown: "#1f7a4d",
  masked: "#9a6700",
  excluded: "#b3261e",
  blocked: "#5b5bd6",
};

export class Picker {
  readonly #judge: Judge;
  readonly #say: (message: object) => void;
  readonly #host: HTMLElement;
  readonly #outline: HTMLElement;
  #over: Element | null = null;

  constructor(judge: Judge, say: (message: object) => void) {
    this.#judge = judge;
    this.#say = say;
    this.#host = document.createElement("div");
    this.#host.setAttribute("data-clerestory", "exclude");
    this.#outline = document.createElement("div");
    this.#host.attachShadow({ mode: "closed" }).append(this.#outline);
    // Styles through the object model: a strict page policy forbids style attributes and elements.
    Object.assign(this.#host.style, {
      position: "fixed",
      inset: "0",
      zIndex: "2147483647",
      pointerEvents: "none",
    });
    Object.assign(this.#outline.style, {
      position: "absolute",
      boxSizing: "border-box",
      border: "2px solid",
      borderRadius: "2px",
    });
    document.documentElement.append(this.#host);
    addEventListener("pointermove", this.#onMove, true);
    for (const name of SWALLOWED) addEventListener(name, this.#onPress, true);
  }

  end(): void {
    removeEventListener("pointermove", this.#onMove, true);
    for (const name of SWALLOWED) removeEventListener(name, this.#onPress, true);
    this.#host.remove();
  }

  readonly #onMove = (event: Event): void => {
    const element = target(event);
    if (!element || element === this.#over) return;
    this.#over = element;
    const named = this.#name(element);
    const { x, y, width, height } = named.rect;
    const colour = COLOUR[named.decision];
    const place = { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` };
    Object.assign(this.#outline.style, place, { borderColor: colour, backgroundColor: `${colour}26` });
    this.#say({ kind: "hover", ...this.#message(element, named) });
  };

  readonly #onPress = (event: Event): void => {
    event.preventDefault();
    event.stopImmediatePropagation();
    const element = target(event);
    if (event.type === "click" && element)
      this.#say({ kind: "picked", ...this.#message(element, this.#name(element)) });
  };

  #message(element: Element, named: Named): object {
    const path: Named[] = [named];
    for (
      let above = parentAcross(element);
      above && above !== document.documentElement;
      above = parentAcross(above)
    ) {
      path.push(this.#name(above));
    }
    return { selector: named.selector, path, rect: named.rect, decision: named.decision };
  }

  #name(element: Element): Named {
    this.#judge.forget();
    const selector = selectorFor(element);
    return {
      selector,
      label: labelOf(element),
      rect: rectOf(element),
      decision: seenAs(this.#judge, element),
    };
  }
}

const SWALLOWED = [
  "pointerdown",
  "pointerup",
  "mousedown",
  "mouseup",
  "click",
  "dblclick",
  "auxclick",
  "submit",
];

function target(event: Event): Element | null {
  const first = event.composedPath()[0];
  return first instanceof Element ? first : null;
}

function labelOf(element: Element): string {
  const tag = element.localName;
  if (IDENTIFIER.test(element.id)) return `${tag}#${element.id}`;
  const [name] = element.classList;
  return name && IDENTIFIER.test(name) ? `${tag}.${name}` : tag;
}

/** Candidates for one compound, the most telling first. */
function* compounds(element: Element): Generator<string> {
  const tag = element.localName;
  if (IDENTIFIER.test(element.id)) yield `#${element.id}`;
  const name = element.getAttribute("name");
  if (name && !/["\\\n\r\f]/.test(name)) yield `${tag}[name="${name}"]`;
  for (const one of element.classList) if (IDENTIFIER.test(one)) yield `.${one}`;
  for (const one of element.classList) if (IDENTIFIER.test(one)) yield `${tag}.${one}`;
  yield tag;
}

/** The shortest selector that matches this element alone; failing that, the one that matches fewest. */
function selectorFor(element: Element): string {
  const root = element.getRootNode() as Document | ShadowRoot;
  let best = { selector: element.localName, count: Number.POSITIVE_INFINITY };
  const consider = (selector: string): boolean => {
    const parsed = parseSelector(selector);
    if (!parsed || !matches(element, parsed)) return false;
    const count = root.querySelectorAll(selector).length;
    if (count < best.count) best = { selector, count };
    return count === 1;
  };
  for (const own of compounds(element)) if (consider(own)) return own;
  for (let above = element.parentElement; above; above = above.parentElement) {
    for (const outer of compounds(above)) {
      for (const own of compounds(element)) {
        const link = above === element.parentElement ? " > " : " ";
        if (consider(`${outer}${link}${own}`)) return `${outer}${link}${own}`;
      }
    }
  }
  return best.selector;
}
