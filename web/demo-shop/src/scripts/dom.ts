/** Finds an element that the page is known to have; a page without it is a defect, said by name. */
export function need<T extends Element>(selector: string, kind: new () => T, root: ParentNode = document): T {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}

type Attributes = Record<string, string | number | boolean>;

/** Makes an element with attributes (`true` writes an empty one, `false` none) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** Money as it stands on a label, from cents. */
export function money(cents: number): string {
  return (cents / 100).toFixed(2);
}
