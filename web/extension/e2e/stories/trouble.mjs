/**
 * Stands for what goes wrong and what the person takes back: a segment the server never takes, a pause, minutes that are
 * thrown away before and after they were sent, and a tab that is closed.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { readSegment, readTrack } from "../lib/media.mjs";
import { begin, joinIn, statusOf } from "../lib/person.mjs";
import { wholeLog } from "../lib/watch.mjs";

const busy = { status: 503, body: { type: "urn:clerestory:problem:overloaded" } };
const bad = { status: 422, body: { type: "urn:clerestory:problem:segment-malformed" } };

const gapsOf = (segments) => readTrack(segments.video).flatMap(({ head }) => head.gaps);

async function badSegment({ receiver, popup, say }) {
  receiver.misbehave = (kind, sequence) => (kind === "audio" && sequence === 0 ? bad : null);
  const [{ segments }] = receiver.runs.values();
  await waitFor("the next to be sent", () => segments.audio.has(1));
  await popup.getByText("Put aside: 1 piece").waitFor();
  receiver.misbehave = () => null;
  await popup.getByRole("button", { name: "Delete what was refused" }).click();
  await waitFor("it to be deleted", async () => (await statusOf(popup)).refused.length === 0);
  say("a segment that is never taken was put aside, and the next ones went");
}

async function takeBreak({ receiver, popup, say }) {
  await popup.getByRole("button", { name: "Pause" }).click();
  await popup.getByText("It ended: pause-not-allowed.").waitFor();
  await popup.getByLabel("Reason for the pause").fill("Lunch");
  await popup.getByRole("button", { name: "Pause" }).click();
  await popup.getByText("You said: Lunch").waitFor();
  await pause(2500);
  await popup.getByRole("button", { name: "Go on" }).click();
  const [{ segments }] = receiver.runs.values();
  await waitFor("the gap", () => gapsOf(segments).some(({ reason }) => reason === "paused"));
  await waitFor("the reason", () =>
    wholeLog({ segments }).some(({ kind, reason }) => kind === "pause" && reason === "Lunch"),
  );
  say("a pause without a reason was refused, one with a reason is a gap that says it");
}

async function throwAway({ receiver, popup, say }) {
  const [run] = receiver.runs.values();
  const sent = run.segments.video.size;
  receiver.misbehave = () => busy;
  await waitFor("segments to wait", async () => (await statusOf(popup)).waiting.segments >= 5);
  const atMs = Date.now();
  await popup.getByRole("button", { name: "1 min", exact: true }).click();
  await popup.getByRole("button", { name: "Throw away" }).click();
  await popup.getByRole("button", { name: "Throw away" }).waitFor({ state: "detached", timeout: 20_000 });
  receiver.misbehave = () => null;
  await waitFor("the server to be told", () => receiver.discards.length === 1, { timeoutMs: 30_000 });
  await waitFor(
    "what came after",
    () => {
      const last = readTrack(run.segments.video).at(-1).chunks.at(-1);
      return last && last.timestampUs / 1000 > atMs + 1000;
    },
    { timeoutMs: 30_000 },
  );
  const late = [...run.segments.video]
    .filter(([number]) => number >= sent)
    .map(([, { plain }]) => readSegment(plain));
  const kept = late.flatMap(({ chunks }) => chunks).filter(({ timestampUs }) => timestampUs / 1000 < atMs);
  assert.equal(kept.length, 0, "no picture of the time that was thrown away was sent");
  assert.ok(late.flatMap(({ head }) => head.gaps).some(({ reason }) => reason === "discarded"));
  const [{ from_ms: from, to_ms: to }] = receiver.discards;
  assert.ok(to - from === 60_000 && Math.abs(to - atMs) < 5000);
  const log = [...run.segments.actions.values()].flatMap(({ plain }) => JSON.parse(plain.toString("utf8")));
  assert.ok(log.some(({ kind, reason }) => kind === "gap" && reason === "discarded"));
  say("the last minute was thrown away: nothing of it was sent, and the server was told to erase the rest");
}

export async function run({ receiver, pages, start, say }) {
  const browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await page.click("#switch");
  const scene = { receiver, popup, say };
  await badSegment(scene);
  await takeBreak(scene);
  await throwAway(scene);

  await page.close();
  await popup.getByText("The tab or window is gone").waitFor({ timeout: 20_000 });
  await waitFor("the end to be told", () => receiver.ends.length === 1);
  say("the tab was closed: the recording ended, and says why");
}
