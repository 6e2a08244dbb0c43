/**
 * Stands for a page on which nothing moves for longer than a recorder waits for pictures, and for a recorder that is
 * ended on the server while it runs.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { readTrack } from "../lib/media.mjs";
import { begin, joinIn } from "../lib/person.mjs";

export async function run({ receiver, start, say }) {
  const browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${receiver.origin}/enrol`);
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await pause(45_000);

  const [recorded] = receiver.runs.values();
  const video = readTrack(recorded.segments.video);
  const chunks = video.flatMap((segment) => segment.chunks);
  const steps = chunks.slice(1).map(({ timestampUs }, at) => timestampUs - chunks[at].timestampUs);
  assert.deepEqual(
    video.flatMap(({ head }) => head.gaps),
    [],
  );
  assert.ok(Math.max(...steps) < 3_000_000, "a picture that does not change is told again and again");
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  const seconds = (chunks.at(-1).timestampUs - chunks[0].timestampUs) / 1e6;
  assert.ok(seconds > 38);
  say(`${seconds.toFixed(0)} s of a still page: ${chunks.length} pictures, ${bytes} bytes, no gap`);

  receiver.recorders.clear();
  for (const one of receiver.runs.values()) one.token = "ended";
  const endedMs = Date.now();
  await popup.getByText("This browser was taken off the list of recorders.").waitFor({ timeout: 20_000 });
  say(`the recorder was ended on the server: it stopped within ${Date.now() - endedMs} ms`);
}
