// Ten moments of a scripted visit equal the replay at the same times: element structure, scroll positions, pointer
// and unmasked text under the preset "private".
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describeReplay, openPlayer, shareSession } from "../lib/console.mjs";
import { describeDocument, differences, sizeOf } from "../lib/describe.mjs";
import { output } from "../lib/paths.mjs";
import { capturedUntil, onlyRecording, visitShop, waitForRecorder } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "ten-moments";
export const limitMs = 5 * 60_000;

/** Long enough for the recorder's pointer and scroll throttles (500 ms) to have run out. */
const SETTLE_MS = 900;

async function trackPointer(page) {
  await page.evaluate(() => {
    addEventListener(
      "mousemove",
      (event) => {
        window.lastPointer = [event.clientX, event.clientY];
      },
      true,
    );
  });
}

/**
 * rrweb drops a move that comes within 50 ms of the one before, the last one of a quick gesture too. A hand that
 * comes to rest is imitated by one more small move.
 */
async function restPointer(page) {
  const at = await page.evaluate(() => window.lastPointer ?? null);
  if (!at) return;
  await pause(120);
  await page.mouse.move(at[0] + 3, at[1] + 2);
}

async function moment(page, title) {
  await restPointer(page);
  await pause(SETTLE_MS);
  const told = await page.evaluate(`({
    tree: (${describeDocument})(document, "live"),
    pointer: window.lastPointer ?? null,
    at: Date.now(),
  })`);
  await pause(250);
  return { title, ...told };
}

export async function visit(page, info) {
  const moments = [];
  const take = async (title) => moments.push(await moment(page, title));
  const go = async (address) => {
    await page.goto(`${info.shop}${address}`);
    await waitForRecorder(page);
    await trackPointer(page);
    await page.mouse.move(300 + moments.length, 200);
  };
  await trackPointer(page);
  await page.mouse.move(400, 300, { steps: 4 });
  await take("front page");
  await page.getByRole("button", { name: "Kitchen", exact: true }).click();
  await page.mouse.wheel(0, 420);
  await take("filtered and scrolled");
  await go("/product.html?p=wool-socks");
  await page.getByRole("tab", { name: "Care" }).click();
  await take("another tab");
  await page.getByRole("button", { name: "Sizes and measures" }).click();
  await take("dialog open");
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.locator("fernwick-delivery input").fill("20100");
  await page.getByRole("button", { name: "When?" }).click();
  await page.getByRole("button", { name: "Add to basket" }).click();
  await take("shadow tree and basket");
  await go("/checkout.html");
  await page.getByLabel("Name", { exact: true }).fill("Alma Sample");
  await page.getByLabel("Note for the driver").fill("Not after eight.");
  await page.getByLabel("Create an account").check();
  await page.locator("#new-password").fill("a long password");
  await page.locator("#show-password").click();
  await take("form filled");
  await page.getByRole("button", { name: "Place the order" }).click();
  await take("form refused");
  await go("/journal.html");
  await page.mouse.wheel(0, 2600);
  await pause(300);
  await page.mouse.wheel(0, 1200);
  await take("list that grew");
  await go("/guide/index.html");
  await page.getByRole("navigation", { name: "Guide" }).getByRole("link", { name: "Knives" }).click();
  await take("route changed by script");
  await go("/showcase.html");
  await page.locator("#show-scroller").hover();
  await page.mouse.wheel(0, 300);
  await page.getByRole("button", { name: "Add a row" }).click();
  await page.getByRole("button", { name: "Open the panel" }).click();
  await take("shown as a whole");
  return moments;
}

export function compare(moment, replay) {
  const found = differences(moment.tree, replay.tree);
  if (moment.pointer) {
    const off = replay.pointer
      ? moment.pointer.map((value, at) => Math.abs(value - replay.pointer[at]))
      : [Infinity];
    if (off.some((distance) => distance > 1))
      found.push(`pointer: ${moment.pointer} became ${replay.pointer}`);
  }
  return found;
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext({ viewport: { width: 1100, height: 760 } });
  const moments = await visit(await visitShop(visitor, info), info);
  assert.equal(moments.length, 10);
  const { id } = await onlyRecording(api);
  const last = moments.at(-1);
  await capturedUntil(api, id, last.at - SETTLE_MS - 200);
  await visitor.close();

  const { started_at } = await api.get(`/recordings/${id}`);
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const wrong = [];
  for (const [at, moment] of moments.entries()) {
    await openPlayer(page, info, id, { atMs: moment.at - Date.parse(started_at) });
    let found = ["nothing was drawn"];
    let replay = null;
    await waitFor(
      `moment ${at + 1}, ${moment.title}`,
      async () => {
        replay = await describeReplay(page, info);
        if (!replay) return false;
        found = compare(moment, replay);
        return found.length === 0;
      },
      { timeoutMs: 6_000, everyMs: 200 },
    ).catch(() => undefined);
    await page.screenshot({ path: t.picture(`${at + 1}-replay`) });
    writeFileSync(
      path.join(output, `ten-moments-${at + 1}.json`),
      JSON.stringify({ moment, replay }, null, 1),
    );
    if (found.length > 0) wrong.push(`moment ${at + 1}, ${moment.title}:\n  ${found.join("\n  ")}`);
    else t.say(`${moment.title}: ${sizeOf(moment.tree)} nodes equal`);
  }
  assert.equal(wrong.length, 0, wrong.join("\n"));
}
