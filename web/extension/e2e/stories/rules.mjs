/**
 * Stands for rules that cannot be believed, run out, or forbid: nothing is captured without them, and what was not
 * captured is a gap that says so.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { endWorker } from "../lib/browser.mjs";
import { readTrack } from "../lib/media.mjs";
import { begin, joinIn, statusOf } from "../lib/person.mjs";

const shutBy = (popup, reason) =>
  waitFor(`nothing to be captured: ${reason}`, async () => (await statusOf(popup)).shut?.reason === reason, {
    timeoutMs: 20_000,
  });
const goesOn = (popup) =>
  waitFor("it to go on", async () => (await statusOf(popup)).shut === null, { timeoutMs: 20_000 });

export async function run({ receiver, pages, start, say }) {
  const browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await pause(3000);

  await endWorker(browser);
  await pause(4000);
  assert.equal((await statusOf(popup)).shut, null);
  await page.goto(`${pages.bank}/`);
  await shutBy(popup, "blocked");
  await page.goto(`${pages.shop}/`);
  await goesOn(popup);
  say("the worker was ended: it came back by itself, and excluded pages were still noticed");
  await pause(2000);

  receiver.version = 2;
  receiver.tamper = ({ document, signature }) => ({
    document,
    signature: signature.replace(/^./, (c) => (c === "A" ? "B" : "A")),
  });
  await shutBy(popup, "policy");
  await pause(2000);
  receiver.tamper = (signed) => signed;
  receiver.version = 3;
  await goesOn(popup);
  say("rules with another signature shut it, rules that can be believed opened it");
  await pause(2000);

  receiver.lifetimeMs = 6000;
  receiver.version = 4;
  await waitFor(
    "the short rules",
    async () => (await statusOf(popup)).policy.expiresAtMs < Date.now() + 6000,
    { timeoutMs: 20_000 },
  );
  receiver.tellsPolicy = false;
  await shutBy(popup, "policy");
  receiver.lifetimeMs = 3600_000;
  receiver.tellsPolicy = true;
  receiver.version = 5;
  await goesOn(popup);
  say("rules that ran out shut it");
  await pause(2000);

  receiver.rules.recording = false;
  receiver.version = 6;
  await popup
    .getByText("Your organisation has recording switched off for you.")
    .first()
    .waitFor({ timeout: 20_000 });
  await waitFor("the end to be told", () => receiver.ends[0]?.reason === "shutdown");
  say("recording was switched off: it ended by itself, and says why");

  const [{ segments }] = receiver.runs.values();
  const video = readTrack(segments.video);
  const gaps = video.flatMap(({ head }) => head.gaps);
  assert.deepEqual(
    gaps.map(({ reason }) => reason),
    ["blocked", "policy", "policy", "policy"],
  );
  const chunks = video.flatMap((segment) => segment.chunks);
  for (const { from_ms: from, to_ms: to } of gaps)
    assert.ok(
      chunks.every(({ timestampUs: at }) => at <= from * 1000 || at >= to * 1000),
      "nothing within a gap",
    );
}
