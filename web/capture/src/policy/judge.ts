/**
 * Decides for each element of the page whether it is excluded, masked or shown.
 *
 * Rules: `policies/vectors/README.md`, section Decisions. Decisions are remembered only while the page cannot
 * change: until the recorder's own code ends, or `forget` is called. Asked again, the page as it is now counts.
 */
import type { Rules } from "./document";
import { attribute, nameOf, parentOf, typeOf } from "./dom";
import { isDrawing } from "./drawing";
import { attributeOf, attributesUsed, matches, type Selector } from "./selectors";
import { captures, pathOf } from "./urls";

export type Decision = "exclude" | "mask" | "show";

interface Verdict {
  readonly decision: Decision;
  /** The decision before a field that is never shown caps it; what children inherit. */
  readonly inherited: Decision;
  /** A rule said so, here or above, not the preset. */
  readonly ruled: boolean;
  /** The element is, or is inside, a field that is never shown. */
  readonly capped: boolean;
}

const PRESET: Verdict = { decision: "mask", inherited: "mask", ruled: false, capped: false };
const EXCLUDED: Verdict = { decision: "exclude", inherited: "exclude", ruled: true, capped: false };

const SECRET_TYPES = ["password", "hidden", "file"];
const SECRET_TOKEN = /(?:^|\s)(?:cc-\S*|one-time-code|current-password|new-password)(?=\s|$)/i;

/** Whether the element as it stands is a field whose value never leaves. */
export function isNeverShown(element: Element): boolean {
  if (nameOf(element).toLowerCase() === "input") {
    if (SECRET_TYPES.includes(attributeOf(element, "type")?.trim().toLowerCase() ?? "")) return true;
  }
  return SECRET_TOKEN.test(attributeOf(element, "autocomplete") ?? "");
}

/** What `data-clerestory` says: an unknown word masks, so that a typing error shows nothing. */
function attributeRule(element: Element): Decision | null {
  const word = attributeOf(element, "data-clerestory");
  if (word === null) return null;
  switch (word.replace(/^[ \t\n\f\r]+|[ \t\n\f\r]+$/g, "").toLowerCase()) {
    case "exclude":
    case "excluded":
      return "exclude";
    case "unmask":
      return "show";
    default:
      return "mask";
  }
}

/** The element above in the tree a person sees: out of a shadow root to its host, out of a frame to the frame. */
export function parentAcross(node: Node): Element | null {
  const parent = parentOf(node);
  if (!parent) return null;
  if (typeOf(parent) === Node.ELEMENT_NODE) return parent as Element;
  if (typeOf(parent) === Node.DOCUMENT_NODE) return frameOf(parent as Document);
  return (parent as Partial<ShadowRoot>).host ?? null;
}

function frameOf(page: Document): Element | null {
  try {
    return page.defaultView?.frameElement ?? null;
  } catch {
    return null;
  }
}

function elementAround(node: Node): Element | null {
  if (typeOf(node) === Node.DOCUMENT_NODE) return frameOf(node as Document);
  return (node as Partial<ShadowRoot>).host ?? parentAcross(node);
}

export class Judge {
  #rules: Rules;
  #known = new Map<Element, Verdict>();
  #forgetting = false;
  /** Fields that were once a password, and names such fields went by: frameworks replace the element on "show". */
  readonly #secrets = new WeakSet<Element>();
  readonly #secretNames = new Set<string>();
  /** Vector pictures that were once more than an icon: told without their content, they stay so. */
  readonly #drawings = new WeakSet<Element>();
  #watched: ReadonlySet<string>;

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#watched = watchedBy(rules);
  }

  get rules(): Rules {
    return this.#rules;
  }

  use(rules: Rules): void {
    this.#rules = rules;
    this.#watched = watchedBy(rules);
    this.forget();
  }

  /** Call when a task of the recorder begins: the page may have changed since. */
  forget(): void {
    if (this.#known.size > 0) this.#known = new Map();
  }

  /** Whether a change of this attribute may change a decision. */
  watches(name: string): boolean {
    return this.#watched.has(name.toLowerCase());
  }

  /** Marks a field as secret for good. */
  keepSecret(element: Element): void {
    this.#secrets.add(element);
    for (const name of [attribute(element, "name"), element.id]) if (name) this.#secretNames.add(name);
    this.forget();
  }

  neverShown(element: Element): boolean {
    if (isNeverShown(element)) {
      if (attribute(element, "type")?.trim().toLowerCase() === "password") {
        this.#secrets.add(element);
        for (const name of [attribute(element, "name"), element.id]) if (name) this.#secretNames.add(name);
      }
      return true;
    }
    if (nameOf(element) !== "input") return false;
    if (this.#secrets.has(element)) return true;
    const name = attribute(element, "name");
    return (
      (name !== null && this.#secretNames.has(name)) ||
      (element.id !== "" && this.#secretNames.has(element.id))
    );
  }

  decide(element: Element): Decision {
    return this.#verdict(element).decision;
  }

  /** A rule, not only the preset, says that this node is masked. */
  maskedByRule(node: Node): boolean {
    const verdict = this.#around(node);
    return verdict.decision === "mask" && verdict.ruled;
  }

  /** Whether pictures may leave from here. */
  mediaAllowed(node: Node): boolean {
    return this.#rules.mediaAllowed && !this.maskedByRule(node);
  }

  /** Whether this is a vector picture that is masked and more than an icon: it leaves as its size, as images do. */
  hidesDrawing(element: Element): boolean {
    if (nameOf(element) !== "svg" || this.decide(element) === "show" || this.mediaAllowed(element))
      return false;
    if (!this.#drawings.has(element) && isDrawing(element)) this.#drawings.add(element);
    return this.#drawings.has(element);
  }

  /** The same for anything inside of one, and for itself. */
  insideDrawing(node: Node): boolean {
    for (let above: Node | null = node; above; above = parentAcross(above))
      if (typeOf(above) === Node.ELEMENT_NODE && this.hidesDrawing(above as Element)) return true;
    return false;
  }

  /** The decision for a text or any other node: that of the element around it. */
  decideAround(node: Node): Decision {
    return this.#around(node).decision;
  }

  #around(node: Node): Verdict {
    const around = typeOf(node) === Node.ELEMENT_NODE ? (node as Element) : elementAround(node);
    return around ? this.#verdict(around) : PRESET;
  }

  #verdict(element: Element): Verdict {
    const known = this.#known.get(element);
    if (known) return known;
    const chain: Element[] = [];
    let verdict = PRESET;
    for (let above: Element | null = element; above; above = parentAcross(above)) {
      const reached = this.#known.get(above);
      if (reached) {
        verdict = reached;
        break;
      }
      chain.push(above);
    }
    for (let i = chain.length - 1; i >= 0; i -= 1) {
      const next = chain[i];
      if (!next) continue;
      verdict = this.#below(verdict, next);
      this.#known.set(next, verdict);
    }
    if (!this.#forgetting) {
      this.#forgetting = true;
      queueMicrotask(() => {
        this.#forgetting = false;
        this.forget();
      });
    }
    return verdict;
  }

  #below(above: Verdict, element: Element): Verdict {
    if (above.decision === "exclude") return EXCLUDED;
    const own = this.#rule(element);
    if (own === "exclude") return EXCLUDED;
    const capped = this.neverShown(element) || above.capped;
    const inherited = own ?? above.inherited;
    if (own === null && capped === above.capped) return above;
    return { decision: capped ? "mask" : inherited, inherited, ruled: own !== null || above.ruled, capped };
  }

  #rule(element: Element): Decision | null {
    const said = attributeRule(element);
    const { exclude, mask, unmask, urls } = this.#rules;
    if (said === "exclude" || isIn(element, exclude) || this.#framesDenied(element, urls)) return "exclude";
    if (said === "mask" || isIn(element, mask)) return "mask";
    return said === "show" || isIn(element, unmask) ? "show" : null;
  }

  /** A frame of the same origin whose page the URL rules deny is as good as excluded. */
  #framesDenied(element: Element, urls: Rules["urls"]): boolean {
    if (nameOf(element) !== "iframe" && nameOf(element) !== "frame") return false;
    try {
      const place = (element as HTMLIFrameElement).contentWindow?.location;
      return place?.protocol.startsWith("http") === true && !captures(urls, pathOf(place.href));
    } catch {
      return false;
    }
  }
}

const isIn = (element: Element, selector: Selector): boolean =>
  selector.length > 0 && matches(element, selector);

function watchedBy(rules: Rules): ReadonlySet<string> {
  const names = new Set(["data-clerestory", "type", "autocomplete"]);
  for (const selector of [rules.exclude, rules.mask, rules.unmask]) {
    for (const name of attributesUsed(selector)) names.add(name);
  }
  return names;
}
