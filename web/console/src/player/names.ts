/**
 * Names for what was clicked and typed into: the words a person would use, out of the document as it was.
 *
 * Words are only ever those the recording holds. Masked words are left out, and a name that is nothing but masked
 * words says so.
 */

export const MASK = "\u2022\u2022\u2022\u2022\u2022";

/** Longer names are cut at a word. */
const NAME_LENGTH = 40;
/** How much text something without a name of its own may hold for that text to be its name. */
const OWN_WORDS = 80;

export type Fields = Record<string, unknown>;
export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");

interface Node {
  tag: string;
  attributes: Fields;
  text: string;
  parent: number;
  children: number[];
}

export interface Named {
  /** What it is called, or "". */
  words: string;
  /** It has words and they are masked. */
  masked: boolean;
  /** The element as a selector, or "". */
  element: string;
  excluded: boolean;
  tag: string;
}

const NOTHING: Named = { words: "", masked: false, element: "", excluded: false, tag: "" };
const ACTED = /^(?:a|button|summary|label|input|select|textarea|option)$/;
const FIELD = /^(?:input|select|textarea)$/;
const PUSHED = /^(?:button|submit|reset|image)$/;
const HEADING = /^h[1-6]$/;
const WHOLE = /^(?:html|body|main)$/;
/** Their text is a name of their own, what somebody chose or typed, or is not shown at all. */
const UNSPOKEN = /^(?:button|select|textarea|option|style|script|noscript|template|title)$/;

const SPOKEN: Record<string, string> = {
  a: "a link",
  button: "a button",
  input: "a field",
  textarea: "a text field",
  select: "a list",
  option: "a list",
  img: "a picture",
  label: "a label",
};

/** What something without a name is called. */
export const spoken = (tag: string, otherwise: string): string => SPOKEN[tag] ?? otherwise;

/** Just enough of the document to name what somebody did something with. */
export class Names {
  readonly #nodes = new Map<number, Node>();

  reset(root: unknown): void {
    this.#nodes.clear();
    this.#add(root, 0, null, 0);
  }

  /** Takes a mutation, in the order the replay applies it. */
  mutate(data: Fields): void {
    for (const entry of list(data.removes)) {
      if (isFields(entry)) this.#remove(Number(entry.id));
    }
    for (const entry of list(data.adds)) {
      if (!isFields(entry) || typeof entry.parentId !== "number") continue;
      this.#add(entry.node, entry.parentId, typeof entry.nextId === "number" ? entry.nextId : null, 0);
    }
    for (const entry of list(data.texts)) {
      const node = isFields(entry) ? this.#nodes.get(Number(entry.id)) : undefined;
      if (node && isFields(entry)) node.text = text(entry.value);
    }
    for (const entry of list(data.attributes)) {
      const node = isFields(entry) ? this.#nodes.get(Number(entry.id)) : undefined;
      if (node && isFields(entry) && isFields(entry.attributes))
        Object.assign(node.attributes, entry.attributes);
    }
  }

  describe(id: number): Named {
    const found = this.#acted(id);
    if (!found) return NOTHING;
    const { node } = found;
    const said = FIELD.test(node.tag) ? this.#field(found.id, node) : this.#thing(found.id, node);
    return {
      ...said,
      element: selector(node),
      excluded: node.attributes["data-clerestory"] === "excluded",
      tag: node.tag,
    };
  }

  #add(raw: unknown, parent: number, before: number | null, depth: number): void {
    if (!isFields(raw) || typeof raw.id !== "number" || depth > 512) return;
    this.#nodes.set(raw.id, {
      tag: text(raw.tagName).toLowerCase(),
      attributes: isFields(raw.attributes) ? raw.attributes : {},
      text: raw.type === 3 ? text(raw.textContent) : "",
      parent,
      children: [],
    });
    const siblings = this.#nodes.get(parent)?.children;
    const place = before === null ? -1 : (siblings?.indexOf(before) ?? -1);
    if (place === -1) siblings?.push(raw.id);
    else siblings?.splice(place, 0, raw.id);
    for (const child of list(raw.childNodes)) this.#add(child, raw.id, null, depth + 1);
  }

  #remove(id: number): void {
    const node = this.#nodes.get(id);
    if (!node) return;
    const siblings = this.#nodes.get(node.parent)?.children;
    const place = siblings?.indexOf(id) ?? -1;
    if (place !== -1) siblings?.splice(place, 1);
    // What hangs below is out of reach now and goes with the next snapshot.
    this.#nodes.delete(id);
  }

  /** The nearest thing around a node that people would name: a button, a link, a field. */
  #acted(id: number): { id: number; node: Node } | null {
    let node = this.#nodes.get(id);
    let at = id;
    const own = node ? { id, node } : null;
    for (let up = 0; node && up < 6; up += 1) {
      if (ACTED.test(node.tag)) {
        return node.tag === "option" ? (this.#around(at, /^select$/) ?? { id: at, node }) : { id: at, node };
      }
      at = node.parent;
      node = this.#nodes.get(at);
    }
    return own;
  }

  #around(id: number, wanted: RegExp): { id: number; node: Node } | null {
    let at = this.#nodes.get(id)?.parent ?? 0;
    for (let up = 0; up < 8; up += 1) {
      const node = this.#nodes.get(at);
      if (!node) return null;
      if (wanted.test(node.tag)) return { id: at, node };
      at = node.parent;
    }
    return null;
  }

  /** A field is called what its label says, never what is in it. */
  #field(id: number, node: Node): Pick<Named, "words" | "masked"> {
    if (PUSHED.test(text(node.attributes.type))) {
      return name([text(node.attributes.value), text(node.attributes.alt)]);
    }
    const label = this.#labelFor(text(node.attributes.id)) ?? this.#around(id, /^label$/)?.id;
    return firstName([
      [text(node.attributes["aria-label"])],
      label === undefined ? [] : this.#words(label),
      [text(node.attributes.title)],
      [text(node.attributes.placeholder)],
    ]);
  }

  #labelFor(id: string): number | undefined {
    if (id === "") return undefined;
    for (const [at, node] of this.#nodes) {
      if (node.tag === "label" && text(node.attributes.for) === id) return at;
    }
    return undefined;
  }

  /** Anything else: its own name, the heading in it, its words if they are few, or the heading around it. */
  #thing(id: number, node: Node): Pick<Named, "words" | "masked"> {
    if (WHOLE.test(node.tag)) return { words: "", masked: false };
    const words = this.#words(id);
    const few = ACTED.test(node.tag) || words.join(" ").length <= OWN_WORDS;
    const pictures = this.#find(id, (inner) => inner.tag === "img").map((inner) => inner.attributes.alt);
    return firstName([
      [text(node.attributes["aria-label"])],
      this.#heading(id),
      few ? words : [],
      [text(node.attributes.title), text(node.attributes.alt), ...pictures.map(text)],
      ACTED.test(node.tag) ? [] : this.#headingAround(id),
    ]);
  }

  #heading(id: number): string[] {
    const own = this.#nodes.get(id);
    const [first] = own && HEADING.test(own.tag) ? [id] : this.#ids(id, (node) => HEADING.test(node.tag));
    return first === undefined ? [] : this.#words(first);
  }

  #headingAround(id: number): string[] {
    let at = this.#nodes.get(id)?.parent ?? 0;
    for (let up = 0; up < 4; up += 1) {
      const node = this.#nodes.get(at);
      if (!node || WHOLE.test(node.tag)) return [];
      const words = this.#heading(at);
      if (words.length > 0) return words;
      at = node.parent;
    }
    return [];
  }

  /** The texts below a node in order, without what was chosen or typed; a little more than a name needs. */
  #words(id: number, depth = 0): string[] {
    const node = this.#nodes.get(id);
    if (!node || depth > 12 || (depth > 0 && UNSPOKEN.test(node.tag))) return [];
    if (node.text.trim() !== "") return [node.text];
    const words: string[] = [];
    let length = 0;
    for (const child of node.children) {
      const more = this.#words(child, depth + 1);
      words.push(...more);
      length += more.reduce((sum, each) => sum + each.length, 0);
      if (length > 2 * OWN_WORDS) break;
    }
    return words;
  }

  #find(id: number, wanted: (node: Node) => boolean): Node[] {
    return this.#ids(id, wanted).flatMap((found) => this.#nodes.get(found) ?? []);
  }

  /** Up to four nodes below one that are wanted, in order. */
  #ids(id: number, wanted: (node: Node) => boolean): number[] {
    const found: number[] = [];
    const waiting = [...(this.#nodes.get(id)?.children ?? [])].reverse();
    for (let seen = 0; waiting.length > 0 && seen < 400 && found.length < 4; seen += 1) {
      const at = waiting.pop() ?? 0;
      const node = this.#nodes.get(at);
      if (!node) continue;
      if (wanted(node)) found.push(at);
      waiting.push(...[...node.children].reverse());
    }
    return found;
  }
}

/** The first of several sources that has words; masked only if nothing has and something was masked. */
function firstName(sources: readonly (readonly string[])[]): Pick<Named, "words" | "masked"> {
  const names = sources.map(name);
  return names.find(({ words }) => words !== "") ?? { words: "", masked: names.some(({ masked }) => masked) };
}

/** Texts as one short name. Prices and ratings before the first word are left out where there is a word. */
function name(texts: readonly string[]): Pick<Named, "words" | "masked"> {
  const said = texts.map((each) => each.replace(/\s+/g, " ").trim()).filter((each) => each !== "");
  const plain = said.filter((each) => !each.includes(MASK));
  const first = plain.findIndex((each) => /^[^\p{L}\p{N}]{0,2}\p{L}/u.test(each));
  const from = plain.slice(Math.max(0, first));
  const words = from.join(" ");
  // A card's first words are its name; the rest describes it.
  const short = words.length > NAME_LENGTH && from[0] && from[0].length >= 3 ? from[0] : words;
  return { words: cut(short), masked: words === "" && said.length > 0 };
}

function cut(words: string): string {
  if (words.length <= NAME_LENGTH) return words;
  const whole = words.slice(0, NAME_LENGTH);
  const space = whole.lastIndexOf(" ");
  return `${whole.slice(0, space > NAME_LENGTH / 2 ? space : NAME_LENGTH).trimEnd()}…`;
}

function selector(node: Node): string {
  const id = text(node.attributes.id);
  const first = text(node.attributes.class).split(/\s+/)[0] ?? "";
  if (id !== "") return `${node.tag}#${id}`.slice(0, 60);
  return (first === "" ? node.tag : `${node.tag}.${first}`).slice(0, 60);
}
