/** The one page where the person joins, allows the microphone, and allows pages to be seen; the browser asks there. */

import { type Enrolment, readEnrolment, Server } from "../server/server";
import { type Managed, managed, managedLink, readEnrolled, readJoinLink, SETTINGS } from "../settings";
import { h, lintel } from "./dom";
import { leaveForm } from "./leave";

const ALL_PAGES = { origins: ["https://*/*", "http://*/*"] };

const JOIN_FAILED: Readonly<Record<string, string>> = {
  "code-refused": "This link was used already, or is older than ten minutes. Ask for another one.",
  "too-many-recorders":
    "You have as many browsers as you may have. End one that you do not use, in the console.",
};

async function join(link: string, label: string, fixed: Managed): Promise<string | null> {
  const wish = readJoinLink(link);
  if (!wish) return "This is no link to join with.";
  if (fixed.server !== null && wish.server !== fixed.server)
    return `Your organisation allows this browser to join ${fixed.server || "no server"} only.`;
  // Asked for here and now, as the browser wants a click for it; the server is the only one this can speak to.
  const granted = await chrome.permissions.request({
    origins: [`${new URL(wish.server).protocol}//${new URL(wish.server).hostname}/*`],
  });
  if (!granted) return "Without leave to speak to the server nothing can be sent to it.";
  const answer = await new Server(wish.server).join(wish.code, label);
  // Used now, or used up before: it is not offered again.
  if (wish.code === fixed.code && (answer.status === 201 || answer.slug === "code-refused"))
    await chrome.storage.local.set({ [SETTINGS.triedCode]: wish.code });
  if (answer.status !== 201)
    return JOIN_FAILED[answer.slug] ?? "The server could not be reached. Nothing was changed; try again.";
  const enrolment = readEnrolment(wish.server, answer.body);
  if (!enrolment) return "The server gave an answer that is not understood.";
  await chrome.storage.local.set({ [SETTINGS.enrolment]: enrolment });
  await chrome.storage.session.remove("joinLink");
  return null;
}

function step(done: boolean, title: string, ...children: (Node | string | null)[]): HTMLElement {
  return h(
    "section",
    { class: done ? "card step done" : "card step" },
    h(
      "div",
      { class: "row" },
      h("span", { class: done ? "arch lit" : "arch" }),
      h("h2", { class: "grow" }, title),
    ),
    ...children,
  );
}

function joinStep(enrolment: Enrolment | null, link: string, fixed: Managed): HTMLElement {
  if (enrolment) {
    return step(
      true,
      `Joined ${enrolment.organisation}`,
      h("p", { class: "ink2" }, `${enrolment.person}, at ${enrolment.server}.`),
      leaveForm(),
    );
  }
  const input = h("input", {
    type: "text",
    "aria-label": "Link to join",
    placeholder: "https://…/enrol#code=…",
  });
  input.value = link;
  const label = h("input", { type: "text", "aria-label": "Name of this browser", maxlength: "80" });
  label.value = fixed.label ?? "";
  label.readOnly = fixed.label !== null;
  label.placeholder = "What this browser is called, such as: laptop";
  const said = h("p", { role: "alert" });
  const submit = async (event: Event) => {
    event.preventDefault();
    const wrong = await join(input.value.trim(), label.value.trim() || "Browser", fixed);
    if (wrong === null) location.reload();
    said.textContent = wrong;
  };
  return step(
    false,
    "Join your organisation",
    h("p", { class: "ink2" }, "With the link you were given in the console. It works once, for ten minutes."),
    h(
      "form",
      { class: "stack", onsubmit: (event) => void submit(event) },
      h("div", { class: "field" }, input),
      h("div", { class: "field" }, label),
      h("button", { class: "b lead", type: "submit" }, "Join"),
      said,
    ),
  );
}

function microphoneStep(state: PermissionState): HTMLElement {
  const ask = async () => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop();
    } catch {
      // The browser shows what the person chose; the state below says so, too.
    }
    location.reload();
  };
  const text = {
    granted: "Allowed. It is heard only while you record, and only when you switch it on.",
    denied: "The browser was told not to allow it. Change that in the browser's settings for this extension.",
    prompt: "Asked for once, here. It is heard only while you record, and only when you switch it on.",
  };
  return step(
    state === "granted",
    "Microphone",
    h("p", { class: "ink2" }, text[state]),
    state === "prompt"
      ? h("button", { class: "b", onclick: () => void ask() }, "Allow the microphone")
      : null,
  );
}

function pagesStep(allowed: boolean): HTMLElement {
  const ask = async () => {
    await chrome.permissions.request(ALL_PAGES);
    location.reload();
  };
  return step(
    allowed,
    "Pages you are on",
    h(
      "p",
      { class: "ink2" },
      "While you record, and only then: which pages you go to, what you click, how often you type. Never what. Without this a tab can be recorded, a window or the screen cannot.",
    ),
    allowed ? null : h("button", { class: "b", onclick: () => void ask() }, "Allow"),
  );
}

async function draw(): Promise<void> {
  const enrolment = await readEnrolled();
  const { joinLink } = await chrome.storage.session.get<{ joinLink?: string }>("joinLink");
  const { state } = await navigator.permissions.query({ name: "microphone" });
  const allowed = await chrome.permissions.contains(ALL_PAGES);
  const fixed = await managed();
  document.body.replaceChildren(
    lintel(enrolment?.organisation ?? ""),
    h(
      "main",
      { class: "setup" },
      h("h1", { class: "page" }, "Set up this browser"),
      joinStep(enrolment, joinLink ?? (await managedLink(fixed)) ?? "", fixed),
      microphoneStep(state),
      pagesStep(allowed),
    ),
  );
}

await draw();
