// On a page unmasked as a whole, with media allowed, the replay is the same picture as the page.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import { openPlayer, replayAtFullSize, shareSession } from "../lib/console.mjs";
import { capturedUntil, onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause } from "../lib/wait.mjs";

export const name = "picture";
const SIZE = { width: 1000, height: 720 };
/** Of all pixels; what is left for anti-aliasing of scaled drawings. */
const MOST_DIFFERENT = 0.002;

/** Compares two PNGs and writes where they differ. Resolves to the share of pixels that do. */
function difference(a, b, file) {
  const [left, right] = [PNG.sync.read(a), PNG.sync.read(b)];
  assert.deepEqual(
    [right.width, right.height],
    [left.width, left.height],
    "the pictures have different sizes",
  );
  const told = new PNG({ width: left.width, height: left.height });
  const count = pixelmatch(left.data, right.data, told.data, left.width, left.height, { threshold: 0.1 });
  writeFileSync(file, PNG.sync.write(told));
  return count / (left.width * left.height);
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const site = await api.shopSite();
  await api.changeRules(site.id, { media: "allowed" });
  const browser = await t.browser();
  const visitor = await browser.newContext({ viewport: SIZE, deviceScaleFactor: 1 });
  const page = await visitShop(visitor, info, "/showcase.html");
  const pictures = [];
  const take = async (title) => {
    await page.evaluate(() => document.activeElement?.blur());
    await page.mouse.move(2, 2);
    await pause(900);
    const at = Date.now();
    pictures.push({ title, at, live: await page.screenshot({ path: t.picture(`${title}-live`) }) });
    await pause(200);
  };
  await take("top");
  await page.locator("#show-name").fill("Another name");
  await page.locator("#show-select").selectOption("Garden");
  await page.locator("#show-check").uncheck();
  await page.locator("#show-radio").check();
  await page.locator("#show-scroller").evaluate((element) => element.scrollTo(0, 240));
  await page.getByRole("button", { name: "Add a row" }).click();
  await page.getByRole("button", { name: "Open the panel" }).click();
  await page.evaluate(() => scrollTo(0, 380));
  await take("changed");
  const { id } = await onlyRecording(api);
  await capturedUntil(api, id, pictures.at(-1).at - 900);
  const { started_at } = await api.get(`/recordings/${id}`);
  await visitor.close();

  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 });
  await shareSession(owner, api, info);
  const screen = await owner.newPage();
  const wrong = [];
  for (const { title, at, live } of pictures) {
    await openPlayer(screen, info, id, { atMs: at - Date.parse(started_at) });
    await pause(1500);
    await screen.screenshot({ path: t.picture(`${title}-console`) });
    await replayAtFullSize(screen, info, SIZE);
    await pause(300);
    const replay = await screen.screenshot({ path: t.picture(`${title}-replay`) });
    const share = difference(live, replay, t.picture(`${title}-difference`));
    t.say(`${title}: ${(share * 100).toFixed(3)} % of the pixels differ`);
    if (share > MOST_DIFFERENT) wrong.push(`${title}: ${(share * 100).toFixed(2)} %`);
    await screen.setViewportSize({ width: 1440, height: 900 });
  }
  assert.deepEqual(wrong, [], "the replay is not the same picture");
}
