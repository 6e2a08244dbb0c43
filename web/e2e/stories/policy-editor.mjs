// The policy editor: pick a field in the page, exclude it, see it go dark, sign; an open page follows within a minute.
import assert from "node:assert/strict";
import { inReplay, shareSession } from "../lib/console.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "policy-editor";
const FOLLOWS_WITHIN_MS = 60_000;

/** Whether an event, or a part of it, is a text area that was excluded. */
function excludesTextArea(part) {
  if (typeof part !== "object" || part === null) return false;
  if (part.tagName === "textarea" && part.attributes?.["data-clerestory"] === "excluded") return true;
  return Object.values(part).some(excludesTextArea);
}

/** Clicks in a frame that is drawn smaller than it believes itself to be, which the driver's own click overlooks. */
async function clickInScaledFrame(page, frameSelector, selector) {
  const holder = page.locator(frameSelector);
  const frame = await (await holder.elementHandle()).contentFrame();
  const inside = await frame.evaluate((wanted) => {
    const element = document.querySelector(wanted);
    element.scrollIntoView({ block: "center" });
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2, viewport: innerWidth };
  }, selector);
  const drawn = await holder.boundingBox();
  const scale = drawn.width / inside.viewport;
  const [x, y] = [drawn.x + inside.x * scale, drawn.y + inside.y * scale];
  await page.mouse.move(x - 4, y - 4);
  await page.mouse.move(x, y);
  await page.mouse.click(x, y);
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const site = await api.shopSite();
  const before = await api.rules(site.id);
  const browser = await t.browser();
  const visitor = await browser.newContext();
  const shop = await visitShop(visitor, info, "/account/index.html");
  const { id } = await onlyRecording(api);
  assert.ok(
    !(await api.events(id)).some(excludesTextArea),
    "the note is excluded before anybody excluded it",
  );

  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  await page.goto(`${info.console}/settings/sites/${site.id}/policy?page=/account/index.html`);
  const preview = page.getByRole("region", { name: "The page" });
  const pick = preview.getByRole("button", { name: "Pick" });
  await waitFor("the page to answer the editor", () => pick.isEnabled(), { timeoutMs: 15_000 });
  await page.screenshot({ path: t.picture("before") });
  await pick.click();
  await clickInScaledFrame(page, 'iframe[title^="The page /"]', "#driver-note");
  await waitFor("the picked element to be named", async () =>
    /driver-note/.test(await page.getByLabel("Selector of the rule").inputValue()),
  );
  await page.getByRole("radio", { name: /^Exclude/ }).check();
  await waitFor("the note to go dark on the right", () =>
    inReplay(page, info, (inner) => inner.querySelector('textarea[data-clerestory="excluded"]') !== null),
  );
  await page.screenshot({ path: t.picture("excluded") });
  assert.equal((await api.rules(site.id)).version, before.version, "a draft changed what is in force");

  await page.getByRole("button", { name: /Review and sign/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog
    .getByText(/driver-note/)
    .first()
    .waitFor();
  await page.screenshot({ path: t.picture("signing") });
  await dialog.getByRole("button", { name: /^Sign/ }).click();
  // The dialog names the next version before it is signed; it closes once it is.
  await dialog.waitFor({ state: "hidden" });
  await page.getByText(`v${before.version + 1} in force`).waitFor();
  const signed = Date.now();
  const after = await api.rules(site.id);
  assert.equal(after.version, before.version + 1);
  assert.ok(
    after.document.exclude.some((selector) => selector.includes("driver-note")),
    "the rule is not in the signed policy",
  );

  await waitFor(
    "the open page to follow",
    async () => {
      await shop.mouse.move(200 + Math.round((Date.now() % 1000) / 5), 300);
      await pause(1_000);
      return (await api.events(id)).some(excludesTextArea);
    },
    { timeoutMs: FOLLOWS_WITHIN_MS, everyMs: 1_000 },
  );
  t.say(`followed ${Math.round((Date.now() - signed) / 1000)} s after signing`);
}
