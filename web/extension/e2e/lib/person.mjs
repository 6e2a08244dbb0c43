/** What the person does with the extension. */
import assert from "node:assert/strict";

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

export const statusOf = (popup) =>
  popup.evaluate(() => chrome.runtime.sendMessage({ to: "recorder", kind: "status" }));

export async function joinIn(browser, receiver) {
  const page = browser.context.pages()[0];
  await page.goto(`${receiver.origin}/enrol#code=${receiver.code()}`);
  const popup = await openPopup(browser);
  const opened = browser.context.waitForEvent("page");
  await popup.getByRole("button", { name: `Join ${receiver.origin}` }).click();
  const setup = await opened;
  await setup.getByLabel("Name of this browser").fill("Ada's laptop");
  await setup.getByRole("button", { name: "Join" }).click();
  await setup.getByText("Joined Fernwick").waitFor();
  assert.equal(receiver.label, "Ada's laptop");
  await setup.close();
  await popup.close().catch(() => {});
}

export async function begin(
  browser,
  { readNotice, surface = "This tab", title = "One tab is being recorded" },
) {
  const popup = await openPopup(browser);
  if (readNotice) {
    await popup.getByRole("button", { name: "I have read it" }).click();
    await popup.getByRole("switch").click();
  }
  await popup.getByRole("button", { name: surface }).click();
  await popup.getByRole("button", { name: "Record", exact: true }).click();
  await popup.getByText(title).waitFor();
  return popup;
}
