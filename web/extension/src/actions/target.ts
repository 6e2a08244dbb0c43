/** Describes what something was done to, by what the page calls it, and never by what the person put in. */
import { shortText, type Target } from "./entries";

const INTERACTIVE = "a[href],button,input,select,textarea,label,summary,option,[role]";
const ROLES: Readonly<Record<string, string>> = {
  a: "link",
  button: "button",
  input: "textbox",
  textarea: "textbox",
  select: "listbox",
  option: "option",
  summary: "button",
  form: "form",
  label: "label",
};
const INPUT_ROLES: Readonly<Record<string, string>> = {
  button: "button",
  submit: "button",
  reset: "button",
  image: "button",
  checkbox: "checkbox",
  radio: "radio",
  range: "slider",
};
/** The value of these is what stands on them. Of all other fields it is the person's. */
const LABELLED_BY_VALUE = ["button", "submit", "reset"];

/**
 * A form is asked by the browser's own means: its fields may be called `getAttribute`, and would be asked instead.
 */
const attribute = (element: Element, name: string): string | null =>
  Element.prototype.getAttribute.call(element, name);
const nearest = (element: Element, selector: string): Element | null =>
  Element.prototype.closest.call(element, selector);
function asked(element: Element, name: "textContent" | "localName"): string {
  for (let kind = Object.getPrototypeOf(element); kind; kind = Object.getPrototypeOf(kind)) {
    const get = Object.getOwnPropertyDescriptor(kind, name)?.get;
    if (get) return String(get.call(element) ?? "");
  }
  return "";
}

function nameOf(element: Element): string {
  const told = attribute(element, "aria-label") ?? attribute(element, "alt");
  if (told) return told;
  if (element instanceof HTMLInputElement) {
    if (LABELLED_BY_VALUE.includes(element.type)) return element.value;
    return fieldName(element);
  }
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement)
    return fieldName(element);
  if (nearest(element, "[contenteditable]:not([contenteditable=false])")) return "";
  const isNamed = Element.prototype.matches.call(
    element,
    "a[href],button,summary,label,[role=button],[role=link],[role=tab],[role=menuitem]",
  );
  return isNamed ? asked(element, "textContent") : (attribute(element, "title") ?? "");
}

const fieldName = (field: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): string =>
  field.labels?.[0]?.textContent ?? field.getAttribute("placeholder") ?? field.name;

/** What was clicked or sent, as it is called on the page. */
export function describe(element: Element): Target {
  const tag = asked(element, "localName");
  const role =
    attribute(element, "role") ??
    (element instanceof HTMLInputElement ? INPUT_ROLES[element.type] : undefined) ??
    ROLES[tag] ??
    "";
  return { role: shortText(role), name: shortText(nameOf(element)), tag: shortText(tag) };
}

/** The nearest thing around the place of an event that can be done something with. */
export function targetOf(event: Event): Element | null {
  const [deepest] = event.composedPath();
  const element =
    deepest instanceof Element ? deepest : deepest instanceof Node ? deepest.parentElement : null;
  return element && (nearest(element, INTERACTIVE) ?? element);
}

/** Of a password not even the length is told. */
export function isSecret(event: Event): boolean {
  const [deepest] = event.composedPath();
  return deepest instanceof HTMLInputElement && deepest.type === "password";
}
