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

function nameOf(element: Element): string {
  const told = element.getAttribute("aria-label") ?? element.getAttribute("alt");
  if (told) return told;
  if (element instanceof HTMLInputElement) {
    if (LABELLED_BY_VALUE.includes(element.type)) return element.value;
    return fieldName(element);
  }
  if (element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement)
    return fieldName(element);
  if (element.closest("[contenteditable]:not([contenteditable=false])")) return "";
  const isNamed = element.matches(
    "a[href],button,summary,label,[role=button],[role=link],[role=tab],[role=menuitem]",
  );
  return isNamed ? (element.textContent ?? "") : (element.getAttribute("title") ?? "");
}

const fieldName = (field: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement): string =>
  field.labels?.[0]?.textContent ?? field.getAttribute("placeholder") ?? field.name;

/** What was clicked or sent, as it is called on the page. */
export function describe(element: Element): Target {
  const tag = element.localName;
  const role =
    element.getAttribute("role") ??
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
  return element?.closest(INTERACTIVE) ?? element;
}
