/**
 * What a node says of itself, asked of the browser: a form answers `form.parentNode` with its control of that name,
 * and a control lies below the form, so that the way up would never end.
 */

const reader = <T>(of: object, name: string): ((node: object) => T) => {
  const get = Object.getOwnPropertyDescriptor(of, name)?.get;
  return (node) => get?.call(node) as T;
};

export const parentOf = reader<ParentNode | null>(Node.prototype, "parentNode");
export const typeOf = reader<number>(Node.prototype, "nodeType");
export const parentElementOf = reader<Element | null>(Node.prototype, "parentElement");
export const firstChildOf = reader<ChildNode | null>(Node.prototype, "firstChild");
export const nextSiblingOf = reader<ChildNode | null>(Node.prototype, "nextSibling");
export const nameOf = reader<string>(Element.prototype, "localName");

const { getAttribute } = Element.prototype;
export const attribute = (element: Element, name: string): string | null => getAttribute.call(element, name);
