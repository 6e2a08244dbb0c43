/** Building pages out of elements. No markup is ever parsed. */

type Child = Node | string | null | false;
type Properties = Readonly<Record<string, string | boolean | ((event: Event) => void)>>;

/** An element: `onclick` and the like are listeners, all else attributes; `true` stands for an empty one. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

/** Parts of a page that change while it stands: each is asked anew by `tick`. */
export class Living {
  #parts: (() => void)[] = [];

  clear(): void {
    this.#parts = [];
  }

  tick(): void {
    for (const part of this.#parts) part();
  }

  /** A piece of text that is told anew where it changed, so that a reader is not told the same again. */
  text(told: () => string, className = ""): HTMLSpanElement {
    const element = h("span", className ? { class: className } : {});
    this.#add(() => {
      const text = told();
      if (element.textContent !== text) element.textContent = text;
    });
    return element;
  }

  /** An element that is made anew where what it is made of changed. */
  made<T>(what: () => T, make: (value: T) => HTMLElement): HTMLElement {
    const place = h("div");
    let before: string | null = null;
    this.#add(() => {
      const value = what();
      const now = JSON.stringify(value);
      if (now === before) return;
      before = now;
      place.replaceChildren(make(value));
    });
    return place;
  }

  #add(part: () => void): void {
    this.#parts.push(part);
    part();
  }
}

export const lintel = (right: string): HTMLElement =>
  h(
    "header",
    { class: "lintel" },
    h(
      "span",
      { class: "brand" },
      h("img", { src: "logo.svg", alt: "", width: "22", height: "22" }),
      "Clerestory",
    ),
    h("span", { class: "lintel-r cut" }, right),
  );
