/** What the person does with the extension. */
import assert from "node:assert/strict";
import { waitFor } from "../../../e2e/lib/wait.mjs";

/** The popup, in a window of its own: it speaks of the tab in the window before. */
export async function openPopup({ context, worker, id }) {
  const opened = context.waitForEvent("page");
  await worker.evaluate(
    (url) => chrome.windows.create({ url, type: "popup", width: 376, height: 640 }),
    `chrome-extension://${id}/popup.html`,
  );
  const popup = await opened;
  await popup.waitForSelector("main");
  return popup;
}

/** What the recorder tells, or told last before it closed. */
export const statusOf = (popup) =>
  popup.evaluate(async () => {
    const told = await chrome.runtime.sendMessage({ to: "recorder", kind: "status" }).catch(() => undefined);
    return told ?? (await chrome.storage.session.get("last")).last;
  });

/** Waits until the server has all that was captured up to this time; pieces go oldest first. */
export async function safeUpTo(popup, timeMs, timeoutMs = 90_000) {
  let told = null;
  try {
    await waitFor(
      "what was captured to be safe",
      async () => {
        told = await statusOf(popup);
        return told.safe.upToMs >= timeMs;
      },
      { timeoutMs },
    );
  } catch (error) {
    const { waiting, trouble, safe, refused, phase, ended } = told ?? {};
    const state = JSON.stringify({ waiting, trouble, safe, refused, phase, ended });
    throw new Error(`${error.message}; the recorder says ${state}`, { cause: error });
  }
}

/** Tells what was on the popup when something was not. */
export const popupSays = (popup) => async (error) => {
  throw new Error(`the popup says: ${await popup.innerText("body")}`, { cause: error });
};

/** Joins with a link, on the page it leads to. */
export async function joinAt(browser, link, label) {
  const { origin } = new URL(link);
  const page = browser.context.pages()[0];
  await page.goto(link);
  const popup = await openPopup(browser);
  const opened = browser.context.waitForEvent("page");
  await popup.getByRole("button", { name: `Join ${origin}` }).click();
  const setup = await opened;
  await setup.getByLabel("Name of this browser").fill(label);
  await setup.getByRole("button", { name: "Join" }).click();
  await setup.getByText(/^Joined /).waitFor();
  await setup.close();
  // The popup closed itself when it opened the page.
  await popup.close().catch(() => {});
}

export async function joinIn(browser, receiver) {
  await joinAt(browser, `${receiver.origin}/enrol#code=${receiver.code()}`, "Ada's laptop");
  assert.equal(receiver.label, "Ada's laptop");
}

export async function begin(
  browser,
  { readNotice, surface = "This tab", title = "One tab is being recorded" },
) {
  const popup = await openPopup(browser);
  if (readNotice) {
    await popup.getByRole("button", { name: "I have read it" }).click().catch(popupSays(popup));
    await popup.getByRole("switch").click();
  }
  await popup.getByRole("button", { name: surface }).click();
  await popup.getByRole("button", { name: "Record", exact: true }).click();
  await popup.getByText(title).waitFor();
  return popup;
}
