/**
 * Stands for the day of a person who joins, records a tab while working, comes by a page that is excluded, loses the
 * network, and whose browser is killed and started anew.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { processOf } from "../lib/browser.mjs";
import { readTrack } from "../lib/media.mjs";
import { CANARY, CANARY_WORD } from "../lib/pages.mjs";
import { begin, joinIn, safeUpTo, statusOf } from "../lib/person.mjs";
import { countNear, lookAt, probe, sound } from "../lib/watch.mjs";

const TYPED = "typed-canary";
const PASTED = "pasted-canary-text";
const LAMP = { red: 0, green: 64, blue: 255 };

/** Work on the shop: five clicks, three navigations, one paste. Answers with how long the lamp took to be painted. */
async function work(page, { shop }) {
  await page.goto(`${shop}/`);
  await page.bringToFront();
  await page.click("#switch");
  await pause(900);
  const paintedMs = await page.evaluate(() => window.paintedMs ?? 900);
  await page.click("#switch");
  await pause(900);
  await page.click("text=Lamps");
  await page.waitForURL(/lamps/);
  await page.click("input");
  await page.keyboard.type(TYPED, { delay: 30 });
  await page.evaluate((text) => navigator.clipboard.writeText(text), PASTED).catch(() => {});
  await page.keyboard.press("Control+V");
  await pause(500);
  await page.click("text=Go");
  await page.waitForURL(/done/);
  await pause(1500);
  return paintedMs;
}

// ------------------------------------------------------------------------ what came

function checkPictures({ file, chunks, frames, video, audio }, { withCanaryGap }) {
  const streams = probe(file);
  assert.deepEqual(
    streams.map(({ codec_type: type }) => type),
    ["video", "audio"],
  );
  assert.equal(frames.length, chunks.length, "every chunk is a picture");
  const shown = frames.map((frame) => countNear(frame, CANARY));
  assert.equal(Math.max(...shown), 0, "no picture shows the excluded page");
  const gaps = video.flatMap(({ head }) => head.gaps);
  if (withCanaryGap) {
    assert.deepEqual(
      gaps.map(({ reason }) => reason),
      ["blocked"],
    );
    assert.deepEqual(
      audio.flatMap(({ head }) => head.gaps),
      gaps,
      "the sound has the same gap",
    );
    const [gap] = gaps;
    const inside = chunks.filter(({ timestampUs: at }) => at > gap.from_ms * 1000 && at < gap.to_ms * 1000);
    assert.equal(inside.length, 0, "nothing was captured within the gap");
  }
  const lasted = (chunks.at(-1).timestampUs - chunks[0].timestampUs) / 1e6;
  const heard = sound(file);
  assert.ok(heard.loudest > 500, "the microphone is heard");
  const spoken = audio.flatMap((segment) => segment.chunks);
  const ends = [
    spoken[0].timestampUs - chunks[0].timestampUs,
    spoken.at(-1).timestampUs - chunks.at(-1).timestampUs,
  ];
  assert.ok(
    Math.max(...ends.map(Math.abs)) < 4_000_000,
    "sound and pictures begin and end together, but for a segment",
  );
  return { streams, gaps, lasted, heard };
}

/** The lamp is lit by a click: the picture of it is looked for, and its time compared with the log's. */
function checkStep({ log, chunks, frames }, paintedMs) {
  const click = log.find(({ kind, target }) => kind === "click" && target.name === "Switch the lamp");
  const lit = frames.findIndex((frame) => countNear(frame, LAMP) > 50);
  const offset = chunks[lit].timestampUs / 1000 - click.t;
  // A busy machine takes few pictures: what counts is that none from later than this shows the lamp unlit.
  const dark = (chunks[lit - 1]?.timestampUs ?? 0) / 1000 - click.t;
  const isInStep = offset >= -100 && dark <= paintedMs + 100;
  assert.ok(isInStep, `dark at ${dark} ms, lit at ${offset} ms, painted at ${paintedMs} ms`);
  return offset;
}

function checkLog(log, bytes) {
  const told = log
    .filter(({ kind }) => ["navigate", "click", "paste", "submit"].includes(kind))
    .map(({ kind, url, target }) =>
      kind === "navigate" ? new URL(url).pathname : `${kind} ${target?.name ?? ""}`.trim(),
    );
  assert.deepEqual(told.slice(0, 9), [
    "/",
    "click Switch the lamp",
    "click Switch the lamp",
    "click Lamps",
    "/lamps",
    "click Search",
    "paste",
    "click Go",
    "submit Go",
  ]);
  assert.equal(told[9], "/done");
  assert.ok(log.every(({ t }, at) => at === 0 || t >= log[at - 1].t || log[at - 1].kind === "gap"));
  const lamps = log.find(({ kind, url }) => kind === "navigate" && url.includes("lamps"));
  assert.equal(new URL(lamps.url).search, "?token", "names of a query, never values");
  assert.equal(lamps.title, "Story tab: lamps");
  for (const secret of [TYPED, PASTED, "secret-value", CANARY_WORD, "bank."])
    assert.ok(!bytes.includes(secret), `${secret} is nowhere in what was sent`);
}

const everything = (receiver) =>
  Buffer.concat(
    [...receiver.runs.values()].flatMap(({ segments }) =>
      Object.values(segments).flatMap((track) => [...track.values()].map(({ plain }) => plain)),
    ),
  );

// ------------------------------------------------------------------------ the story

export async function run({ receiver, pages, start, profile, place, say }) {
  let browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/done`);
  let popup = await begin(browser, { readNotice: true });
  const stop = popup.getByRole("button", { name: "Stop recording" });
  const round = await stop.evaluate((button) => getComputedStyle(button).borderTopLeftRadius);
  assert.notEqual(round, "0px", "the popup is drawn with the console's pieces");
  say("joined, and recording");
  await page.bringToFront();
  const beganMs = Date.now();
  const paintedMs = await work(page, pages);
  say("worked");

  await page.goto(`${pages.bank}/`);
  await page.click("button");
  await pause(5000);
  const shut = await statusOf(popup);
  assert.equal(shut.shut?.reason, "blocked");
  await page.goto(`${pages.shop}/done`);
  await waitFor("the recording to go on", async () => (await statusOf(popup)).shut === null);
  await pause(3000);
  say("was on the excluded page, and came back");

  const { port } = receiver;
  await receiver.close();
  await page.click("#switch");
  const waiting = await waitFor("segments to wait", async () => {
    const { waiting: rows, trouble } = await statusOf(popup);
    return rows.segments >= 6 && trouble && rows;
  });
  await receiver.listen(port);
  say(`the network was cut: ${waiting.segments} segments waited`);
  await safeUpTo(popup, Date.now());

  receiver.watchers = [{ name: "Tobias Renn", since: new Date().toISOString() }];
  await popup.getByText("Tobias Renn is watching now.").waitFor({ timeout: 15_000 });
  receiver.watchers = [];

  await receiver.close();
  await waitFor("segments to wait once more", async () => (await statusOf(popup)).waiting.segments >= 4);
  const killedMs = Date.now();
  process.kill(processOf(profile), "SIGKILL");
  await pause(1000);
  say("the browser was killed");
  const [first] = receiver.runs.values();
  const arrived = first.segments.video.size;
  await receiver.listen(port);

  browser = await start();
  await waitFor(
    "what was left behind to be sent",
    () => {
      const last = readTrack(first.segments.video).at(-1).chunks.at(-1);
      return killedMs - last.timestampUs / 1000 < 5000;
    },
    { timeoutMs: 90_000 },
  );
  say(`started anew: ${first.segments.video.size - arrived} segments of pictures came after the kill`);
  const again = browser.context.pages()[0];
  await again.goto(`${pages.shop}/`);
  popup = await begin(browser, { readNotice: false });
  await again.bringToFront();
  await again.click("#switch");
  await pause(4000);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("the end to be told", () => receiver.ends.length > 0, { timeoutMs: 30_000 });

  const runs = [...receiver.runs.values()];
  assert.equal(runs.length, 2);
  assert.equal(runs[0].recording, runs[1].recording, "the second run goes on in the same recording");
  const one = lookAt(place, runs[0], "first");
  const two = lookAt(place, runs[1], "second");
  const result = checkPictures(one, { withCanaryGap: true });
  checkPictures(two, { withCanaryGap: false });
  const offset = checkStep(one, paintedMs);
  checkLog(one.log, everything(receiver));
  const span = (killedMs - beganMs) / 1000;
  assert.ok(Math.abs(result.lasted - span) < 5, `${result.lasted} s of ${span} s`);
  assert.deepEqual(receiver.problems, []);
  const [gap] = result.gaps;
  say(
    `${one.frames.length} and ${two.frames.length} pictures, ${result.streams.map(({ codec_name: name }) => name).join(" and ")}`,
  );
  say(
    `recorded ${result.lasted.toFixed(1)} s of ${span.toFixed(1)} s until the kill; gap of ${(gap.to_ms - gap.from_ms) / 1000} s`,
  );
  say(`the picture comes ${offset.toFixed(0)} ms after its click in the log; ${one.log.length} entries`);
}
