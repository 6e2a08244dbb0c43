/**
 * Stands for a person who takes back what was just recorded after it ended, with no network; and who leaves: asked about
 * what waits here before it goes, and off the server's list afterwards.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { readTrack } from "../lib/media.mjs";
import { begin, joinIn, openPopup, statusOf } from "../lib/person.mjs";

async function openSetup({ context, id }) {
  const setup = await context.newPage();
  await setup.goto(`chrome-extension://${id}/setup.html`);
  return setup;
}

async function takeBack({ receiver, browser, page, popup, port, say }) {
  await receiver.close();
  await pause(3000);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("it to end", async () => (await statusOf(popup)).phase === "idle", { timeoutMs: 20_000 });
  await popup.getByRole("button", { name: "1 min", exact: true }).click();
  await popup.getByRole("button", { name: "Throw away" }).click();
  await waitFor("it to be wanted", async () => (await statusOf(popup)).untold === 1, { timeoutMs: 20_000 });

  const setup = await openSetup(browser);
  await setup.getByRole("button", { name: "Leave" }).click();
  await setup
    .getByText(/If you leave now, this is lost: \d+ pieces.*1 time you threw away/)
    .waitFor({ timeout: 30_000 });
  await setup.getByRole("button", { name: "Stay" }).click();
  assert.ok((await statusOf(popup)).waiting.segments > 0, "nothing went");
  await setup.close();
  say("left nothing behind without being asked");

  await receiver.listen(port);
  await page.bringToFront();
  await waitFor("the server to be told", () => receiver.discards.length === 1, { timeoutMs: 90_000 });
  await waitFor("the end to be told", () => receiver.ends.length === 1, { timeoutMs: 90_000 });
  const [run] = receiver.runs.values();
  const [{ from_ms: from, to_ms: to }] = receiver.discards;
  assert.equal(to - from, 60_000);
  const [{ timestampUs: first }] = readTrack(run.segments.video)[0].chunks;
  assert.ok(
    first / 1000 > from && first / 1000 < to,
    "what was sent before lies in it, for the server to erase",
  );
  say("thrown away after its end with no network: the server was told when it was back");
}

export async function run({ receiver, pages, start, say }) {
  const browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  const popup = await begin(browser, { readNotice: true });
  const [token] = receiver.recorders.keys();
  const { port } = receiver;
  await page.bringToFront();
  const [{ segments }] = receiver.runs.values();
  await waitFor("something to be sent", () => segments.video.size > 0, { timeoutMs: 20_000 });
  await takeBack({ receiver, browser, page, popup, port, say });
  await popup.close();

  const again = await openPopup(browser);
  await again.getByText("Of what was recorded until").waitFor();
  const setup = await openSetup(browser);
  await setup.getByRole("button", { name: "Leave" }).click();
  await setup.getByText("Join your organisation").waitFor({ timeout: 30_000 });
  assert.deepEqual(receiver.left, [token]);
  const kept = await browser.worker.evaluate(() => chrome.storage.local.get());
  assert.deepEqual([kept.enrolment, kept.noticeRead], [undefined, undefined]);
  assert.ok(kept.policyFloor.version > 0);
  say("left: the server was told, and nothing of it is kept but which rules were in force");
}
