/**
 * Stands for a recording of the whole screen: an excluded page in any tab keeps everything out for as long as it is open,
 * in front or not, and so does a picture of one that stands in a window of its own.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { CANARY, CANARY_WORD } from "../lib/pages.mjs";
import { begin, joinIn, statusOf } from "../lib/person.mjs";
import { openScreen } from "../lib/screen.mjs";
import { countNear, lookAt, probe } from "../lib/watch.mjs";

const shut = (popup) =>
  waitFor("nothing to be captured", async () => (await statusOf(popup)).shut?.reason === "blocked", {
    timeoutMs: 5000,
  });
const goesOn = (popup) =>
  waitFor("it to go on", async () => (await statusOf(popup)).shut === null, { timeoutMs: 20_000 });

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
  await pause(4000);

  const opened = browser.context.waitForEvent("page");
  const other = await browser.worker.evaluate(
    (url) =>
      chrome.windows.create({ url, left: 500, top: 100, width: 600, height: 500 }).then(({ id }) => id),
    `${pages.bank}/`,
  );
  const bank = await opened;
  await shut(popup);
  await pause(2000);
  const front = await browser.worker.evaluate(
    ([windowId, url]) => chrome.tabs.create({ windowId, url }).then(({ id }) => id),
    [other, `${pages.shop}/done`],
  );
  await pause(6000);
  assert.equal((await statusOf(popup)).behind, 1, "its title can still be read");
  await popup.getByText("An excluded page is open in a tab that is not in front.").waitFor();
  await bank.goto(`${pages.shop}/lamps`);
  await goesOn(popup);
  say("an excluded page in another window shut it, and so did its title alone, in a tab behind");
  await pause(2000);

  await bank.goto(`${pages.bank}/`);
  await bank.bringToFront();
  await shut(popup);
  await bank.evaluate(() => {
    document.addEventListener(
      "click",
      () => documentPictureInPicture.requestWindow({ width: 300, height: 200 }),
      { once: true },
    );
  });
  await bank.click("button");
  await pause(500);
  await bank.evaluate(() => {
    documentPictureInPicture.window.document.body.style.background = getComputedStyle(
      document.body,
    ).background;
  });
  await browser.worker.evaluate((id) => chrome.tabs.update(id, { active: true }), front);
  await pause(4000);
  assert.equal((await statusOf(popup)).shut?.reason, "blocked", "what stands in a window of its own counts");
  await bank.evaluate(() => documentPictureInPicture.window.close());
  await bank.close();
  await goesOn(popup);
  say("its picture in a window of its own shut it, too");
  await pause(2500);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("the end to be told", () => receiver.ends.length > 0, { timeoutMs: 30_000 });

  const [run] = receiver.runs.values();
  assert.equal(run.surface, "screen");
  const seen = lookAt(place, run, "screen");
  assert.equal(probe(seen.file)[0].codec_type, "video");
  assert.equal(
    Math.max(...seen.frames.map((frame) => countNear(frame, CANARY))),
    0,
    "no picture shows the excluded page",
  );
  assert.ok(!JSON.stringify(seen.log).includes(CANARY_WORD) && !JSON.stringify(seen.log).includes("bank."));
  const gaps = seen.video.flatMap(({ head }) => head.gaps).map(({ reason }) => reason);
  assert.deepEqual(gaps, ["blocked", "blocked"]);
  const [{ head }] = seen.video;
  say(`${seen.frames.length} pictures of ${head.width} × ${head.height} in ${head.codec}; two gaps`);
}

export async function run(scene) {
  const screen = await openScreen();
  scene.atEnd(screen.close);
  await tell(scene, screen.display);
}
