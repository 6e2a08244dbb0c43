// The player: a deep link shows its moment, the keyboard seeks, and a visit can be followed while it happens.
import assert from "node:assert/strict";
import { inReplay, openPlayer, shareSession } from "../lib/console.mjs";
import { capturedUntil, onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "player";
const LIVE_WITHIN_MS = 5_000;

const rowsIn = (page, info) =>
  inReplay(page, info, (inner) => inner.querySelectorAll("#show-rows tr").length);

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext({ viewport: { width: 1000, height: 720 } });
  const shop = await visitShop(visitor, info, "/showcase.html");
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  const { id, started_at } = await onlyRecording(api);
  const started = Date.parse(started_at);
  await openPlayer(page, info, id, { follow: true });
  await shop.getByRole("button", { name: "Add a row" }).click();
  const clicked = Date.now();
  await waitFor("the new row to be seen live", async () => (await rowsIn(page, info)) === 3, {
    timeoutMs: LIVE_WITHIN_MS,
  });
  t.say(`a change was seen live after ${Date.now() - clicked} ms`);
  await page.screenshot({ path: t.picture("live") });

  const marks = [];
  for (let row = 2; row <= 6; row += 1) {
    await pause(1500);
    await shop.getByRole("button", { name: "Add a row" }).click();
    await pause(1000);
    marks.push({ at: Date.now() - started, rows: 2 + row });
  }
  await capturedUntil(api, id, started + marks.at(-1).at - 1300);
  await visitor.close();

  for (const mark of [marks[3], marks[0], marks[4]]) {
    await openPlayer(page, info, id, { atMs: mark.at });
    await waitFor(
      `the moment of ${mark.rows} rows by its address`,
      async () => (await rowsIn(page, info)) === mark.rows,
      { timeoutMs: 8_000 },
    );
  }
  await openPlayer(page, info, id, { atMs: marks[1].at });
  await waitFor("the second mark", async () => (await rowsIn(page, info)) === marks[1].rows);
  await page.keyboard.press("l");
  await waitFor("ten seconds later", async () => (await rowsIn(page, info)) === marks[4].rows, {
    timeoutMs: 8_000,
  });
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await waitFor("twenty seconds earlier", async () => (await rowsIn(page, info)) <= marks[0].rows, {
    timeoutMs: 8_000,
  });
  const before = await rowsIn(page, info);
  await page.keyboard.press(" ");
  await waitFor("playing to change the picture", async () => (await rowsIn(page, info)) > before, {
    timeoutMs: 20_000,
  });
  assert.ok(page.url().includes(id));

  const { items } = await api.get(`/recordings/${id}/viewers`);
  assert.ok(items.length > 0, "watching is not among the viewers");
  assert.deepEqual(errors, [], "the console threw");
}
