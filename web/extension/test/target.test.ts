// @vitest-environment happy-dom
import { beforeEach, expect, describe as group, it } from "vitest";
import { describe, isSecret, targetOf } from "../src/actions/target";

const element = (selector: string): Element => {
  const found = document.querySelector(selector);
  if (!found) throw new Error(`there is no ${selector}`);
  return found;
};

beforeEach(() => {
  document.body.innerHTML = `
    <button id="save"><span id="inside">Save <b>it</b></span></button>
    <a id="link" href="/x" aria-label="Back to start">back</a>
    <label>Name <input id="name" value="typed-canary"></label>
    <input id="bare" placeholder="Search" value="typed-canary">
    <input id="secret" type="password" name="pin" value="typed-canary">
    <input id="send" type="submit" value="Send">
    <input id="box" type="checkbox" aria-label="Agree">
    <textarea id="note" aria-label="Note">typed-canary</textarea>
    <div id="letter" contenteditable="true"><p id="line">typed-canary</p></div>
    <div id="text">Some text of the page</div>
    <div id="tab" role="tab">First</div>`;
});

group("the description of a target", () => {
  it.each([
    ["#save", { role: "button", name: "Save it", tag: "button" }],
    ["#link", { role: "link", name: "Back to start", tag: "a" }],
    ["#name", { role: "textbox", name: "Name", tag: "input" }],
    ["#bare", { role: "textbox", name: "Search", tag: "input" }],
    ["#secret", { role: "textbox", name: "pin", tag: "input" }],
    ["#send", { role: "button", name: "Send", tag: "input" }],
    ["#box", { role: "checkbox", name: "Agree", tag: "input" }],
    ["#note", { role: "textbox", name: "Note", tag: "textarea" }],
    ["#line", { role: "", name: "", tag: "p" }],
    ["#text", { role: "", name: "", tag: "div" }],
    ["#tab", { role: "tab", name: "First", tag: "div" }],
  ])("%s", (selector, described) => {
    expect(describe(element(selector))).toEqual(described);
  });

  it("is never of what somebody put in", () => {
    for (const one of document.querySelectorAll("*"))
      if (one.localName !== "label") expect(JSON.stringify(describe(one))).not.toContain("canary");
  });

  it("is of the nearest thing that can be done something with", () => {
    let found: Element | null = null;
    document.addEventListener("click", (event) => {
      found = targetOf(event);
    });
    element("#inside").dispatchEvent(new Event("click", { bubbles: true }));
    expect((found as Element | null)?.id).toBe("save");
  });
});

group("a form whose fields are called as what it is asked", () => {
  it("is described all the same", () => {
    const form = element("#save");
    const names = ["getAttribute", "closest", "matches", "localName", "textContent"];
    for (const name of names) Object.defineProperty(form, name, { value: "a field", configurable: true });
    const described = describe(form);
    for (const name of names) Reflect.deleteProperty(form, name);
    expect(described).toEqual({ role: "button", name: "Save it", tag: "button" });
  });
});

group("what is done in a field for passwords", () => {
  it("is not told, and what is done in others is", () => {
    const secret: boolean[] = [];
    document.addEventListener("keydown", (event) => secret.push(isSecret(event)));
    for (const selector of ["#secret", "#name", "#note"])
      element(selector).dispatchEvent(new Event("keydown", { bubbles: true, composed: true }));
    expect(secret).toEqual([true, false, false]);
  });
});
