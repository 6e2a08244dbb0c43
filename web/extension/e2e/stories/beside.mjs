/**
 * Stands for what can be seen beside the page in front: an excluded page in the other half of a split view, and what an
 * excluded page wrote into a page without an address. And for sound, which new rules take away from what runs.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { CANARY } from "../lib/pages.mjs";
import { begin, joinIn, statusOf } from "../lib/person.mjs";
import { openScreen } from "../lib/screen.mjs";
import { countNear, lookAt } from "../lib/watch.mjs";

const shut = (popup, reason) =>
  waitFor(`it to be shut: ${reason}`, async () => ((await statusOf(popup)).shut?.reason ?? null) === reason, {
    timeoutMs: 20_000,
  });

/** Puts the page beside the one in front, where this browser can. */
const split = ({ worker }, url) =>
  worker.evaluate(async (address) => {
    if (!chrome.tabs.createSplit) return false;
    const [front] = await chrome.tabs.query({ active: true, windowType: "normal" });
    const { id } = await chrome.tabs.create({ url: address, active: false, windowId: front.windowId });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await chrome.tabs.createSplit([front.id, id]);
    return id;
  }, url);

async function tell({ receiver, pages, start, place, say }, display) {
  const browser = await start({ display, flags: ["--auto-select-desktop-capture-source=Entire"] });
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  const popup = await begin(browser, {
    readNotice: true,
    surface: "The screen",
    title: "The screen is being recorded",
  });
  await pause(3000);

  const beside = await split(browser, `${pages.bank}/`);
  if (beside !== false) {
    await shut(popup, "blocked");
    await pause(2000);
    await browser.worker.evaluate((id) => chrome.tabs.remove(id), beside);
    await shut(popup, null);
  }
  say(beside === false ? "this browser splits no view" : "the other half of a split view counts");

  await pause(2000);
  const behind = await browser.worker.evaluate(
    (url) => chrome.tabs.create({ url, active: false }).then(({ id }) => id),
    `${pages.shop}/lamps`,
  );
  for (let looks = 0; looks < 10; looks += 1) {
    assert.equal((await statusOf(popup)).shut, null, "nothing is shut by an allowed page that opens behind");
    await pause(200);
  }
  await browser.worker.evaluate((id) => chrome.tabs.remove(id), behind);

  const bank = await browser.context.newPage();
  await bank.goto(`${pages.bank}/`);
  await shut(popup, "blocked");
  const opened = browser.context.waitForEvent("page");
  await bank.evaluate((colour) => {
    const made = window.open("about:blank", "_blank");
    made.document.body.style.background = colour;
  }, `rgb(${CANARY.red},${CANARY.green},${CANARY.blue})`);
  const made = await opened;
  await pause(6000);
  assert.equal(
    (await statusOf(popup)).shut?.reason,
    "blocked",
    "what an excluded page wrote elsewhere counts",
  );
  await made.close();
  await bank.close();
  await shut(popup, null);
  say("what an excluded page wrote into a page without an address counts");

  receiver.rules.audio = false;
  receiver.version = 2;
  await waitFor("the new rules", async () => (await statusOf(popup)).policy?.audio === false, {
    timeoutMs: 30_000,
  });
  const silentMs = Date.now();
  await pause(4000);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("the end to be told", () => receiver.ends.length > 0, { timeoutMs: 60_000 });
  const [run] = receiver.runs.values();
  const seen = lookAt(place, run, "beside");
  const heard = seen.audio.flatMap(({ chunks }) => chunks).at(-1);
  assert.ok(!heard || heard.timestampUs / 1000 < silentMs + 1000, "no sound once it is not allowed");
  assert.equal(Math.max(...seen.frames.map((frame) => countNear(frame, CANARY))), 0, "nothing of it is seen");
  say(`${seen.frames.length} pictures`);
}

export async function run(scene) {
  const screen = await openScreen();
  scene.atEnd(screen.close);
  await tell(scene, screen.display);
}
