/**
 * Stands for the extension and the real server together: a day with five clicks, three navigations and a paste, ten
 * seconds on an excluded page, a network that is cut, a browser and a server that are killed; and the store that has all
 * of it in one recording in the end. `CLERESTORY_BIN` names the server.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Api } from "../../../e2e/lib/api.mjs";
import { startServer } from "../../../e2e/lib/server.mjs";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { processOf } from "../lib/browser.mjs";
import { CANARY, CANARY_WORD } from "../lib/pages.mjs";
import { begin, joinAt, popupSays, safeUpTo, statusOf } from "../lib/person.mjs";
import { filesWith, playWhole } from "../lib/plays.mjs";
import { Relay } from "../lib/relay.mjs";
import { countNear } from "../lib/watch.mjs";

const TYPED = "typed-canary";
const PASTED = "pasted-canary-text";
const SECRETS = [CANARY_WORD, TYPED, PASTED, "secret-value"];
const BLOCKED_MS = 10_000;
/** A segment that was not finished, and what waited to be judged. */
const MOST_LOST_S = 4.5;

async function say(api, name, value) {
  const { version } = await api.get("/settings");
  const answer = await api.request("PUT", `/settings/${name}`, {
    body: { value },
    headers: { "if-match": `"${version}"` },
  });
  assert.equal(answer.status, 200, `${name}: ${answer.text}`);
}

async function openOrganisation(server) {
  const api = new Api(server.info);
  await api.signInByLink();
  await api.prove();
  await say(api, "capture.recording.enabled", true);
  await say(api, "capture.recording.audio", true);
  await say(api, "capture.notice.version", "2026-1");
  await say(api, "capture.notice.legal_basis", "works agreement");
  await say(api, "capture.url.patterns", ["http://bank.localhost/*"]);
  return api;
}

// ------------------------------------------------------------------------ the day

async function morning({ page, popup, relay, pages, say: tell }) {
  await page.goto(`${pages.shop}/`);
  await page.bringToFront();
  await page.click("#switch");
  await pause(900);
  await page.click("#switch");
  await pause(900);
  await relay.cut();
  await page.click("text=Lamps");
  await page.waitForURL(/lamps/);
  await page.click("input");
  await page.keyboard.type(TYPED, { delay: 30 });
  await page.evaluate((text) => navigator.clipboard.writeText(text), PASTED).catch(() => {});
  await page.keyboard.press("Control+V");
  const waiting = await waitFor("segments to wait", async () => {
    const { waiting: rows, trouble } = await statusOf(popup);
    return rows.segments >= 6 && trouble && rows;
  });
  await relay.mend();
  tell(`worked; the network was cut, and ${waiting.segments} segments waited`);
  await safeUpTo(popup, Date.now());
}

/** Comes by the excluded page, and back. Answers when it went there and when it left. */
async function detour({ page, popup, pages, say: tell }) {
  const wentMs = Date.now();
  await page.goto(`${pages.bank}/`);
  await page.click("button");
  await page.keyboard.type(TYPED);
  await pause(BLOCKED_MS - (Date.now() - wentMs));
  assert.equal((await statusOf(popup)).shut?.reason, "blocked");
  const leftMs = Date.now();
  await page.goto(`${pages.shop}/done`);
  await waitFor("it to go on", async () => (await statusOf(popup)).shut === null);
  await pause(3000);
  tell("was on the excluded page for ten seconds, and came back");
  return { wentMs, leftMs };
}

/** Pauses, ends it, and waits for all of it to be on the server. */
async function evening({ page, popup }) {
  await page.bringToFront();
  await page.click("#switch");
  await pause(3000);
  await popup.getByLabel("Reason for the pause").fill("A call").catch(popupSays(popup));
  await popup.getByRole("button", { name: "Pause" }).click();
  await popup.getByText("You said: A call").waitFor();
  await pause(2000);
  await popup.getByRole("button", { name: "Go on" }).click();
  await pause(4000);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  const last = await waitFor(
    "all to be sent",
    async () => {
      const told = await statusOf(popup);
      return told?.phase === "idle" && told.waiting.segments === 0 && told.takeBack?.untilMs && told;
    },
    { timeoutMs: 60_000 },
  );
  assert.deepEqual([last.refused, last.trouble, last.lost], [[], null, null]);
  return last.takeBack.endedAtMs;
}

// ------------------------------------------------------------------------ what the store holds

const seconds = ({ from_us: from, to_us: to }) => (to - from) / 1e6;
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

function checkMedia(tracks, { writers, spans, away }) {
  const [first, second] = writers.map((writer) => tracks.filter((track) => track.writer === writer));
  for (const run of [first, second])
    assert.deepEqual(run.map(({ kind }) => kind).sort(), ["actions", "audio", "video"]);
  const reasons = (track) => track.gaps.map(({ reason }) => reason).filter((reason) => reason !== "stopped");
  for (const track of first) assert.deepEqual([track.kind, reasons(track)], [track.kind, ["url_denied"]]);
  for (const track of second) assert.deepEqual([track.kind, reasons(track)], [track.kind, ["paused"]]);
  const told = {};
  for (const kind of ["video", "audio"]) {
    const lasted = [first, second].map((run, at) => {
      const { begins, ends, gaps, files } = run.find((track) => track.kind === kind);
      const [gap] = gaps.filter(({ reason }) => reason !== "stopped");
      const within = files
        .flatMap(({ times }) => times)
        .filter(([at]) => at * 1e6 > gap.from_us + 50_000 && at * 1e6 < gap.to_us - 50_000);
      assert.deepEqual(within, [], `no ${kind} within the gap`);
      const lasts = ends - begins;
      const short = spans[at] - lasts;
      assert.ok(short > -1 && short < MOST_LOST_S, `${kind} of run ${at + 1}: ${lasts} s of ${spans[at]} s`);
      return lasts - seconds(gap);
    });
    told[kind] = sum(lasted);
  }
  const [gap] = first.find(({ kind }) => kind === "video").gaps;
  assert.ok(seconds(gap) >= away && seconds(gap) < away + 7, `a gap of ${seconds(gap)} s for ${away} s`);
  assert.ok(
    Math.abs(told.video - told.audio) < 2 * 2.5,
    `${told.video} s of pictures, ${told.audio} s of sound`,
  );
  return { ...told, gap: seconds(gap) };
}

function checkPictures(tracks) {
  const frames = tracks
    .filter(({ kind }) => kind === "video")
    .flatMap(({ files }) => files.flatMap((one) => one.frames));
  assert.equal(Math.max(...frames.map((frame) => countNear(frame, CANARY))), 0, "none of the excluded page");
  return frames.length;
}

const told = ({ kind, url, target, reason, length }) =>
  [kind, url && new URL(url).pathname + new URL(url).search, target?.name, reason, length]
    .filter(Boolean)
    .join(" ");

function checkLog(tracks, writers) {
  const logs = writers.map(
    (writer) => tracks.find((track) => track.writer === writer && track.kind === "actions").log,
  );
  const isDone = ({ kind }) => !["keys", "scroll", "idle"].includes(kind);
  assert.deepEqual(
    logs.map((log) => log.filter(isDone).map(told)),
    [
      [
        "tab /done",
        "navigate /",
        "click Switch the lamp",
        "click Switch the lamp",
        "click Lamps",
        "navigate /lamps?token",
        "click Search",
        `paste ${PASTED.length}`,
        "gap blocked",
        "navigate /done",
      ],
      ["tab /done", "click Switch the lamp", "pause A call", "gap paused"],
    ],
  );
  for (const log of logs)
    assert.ok(
      log.every(({ t }, at) => at === 0 || t >= log[at - 1].t),
      "in order",
    );
  const text = JSON.stringify(tracks.map(({ files, ...rest }) => rest));
  for (const secret of [...SECRETS, "bank."])
    assert.ok(!text.includes(secret), `${secret} is nowhere in the plays`);
  return logs.flat().length;
}

// ------------------------------------------------------------------------ the story

async function tell(scene, server, relay) {
  const { pages, start, profile, place, say: tellWhat } = scene;
  const { link } = await (await openOrganisation(server)).post("/recorders/codes");
  await relay.mend();
  let browser = await start({ flags: [relay.flag] });
  await joinAt(browser, link, "Ada's laptop");
  let page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/done`);
  let popup = await begin(browser, { readNotice: true });
  const { recording, startedAtMs: firstMs } = await statusOf(popup);
  await morning({ ...scene, page, popup, relay });
  const { wentMs, leftMs } = await detour({ ...scene, page, popup });

  await relay.cut();
  await waitFor("segments to wait once more", async () => (await statusOf(popup)).waiting.segments >= 4);
  const killedMs = Date.now();
  process.kill(processOf(profile), "SIGKILL");
  await server.kill();
  await browser.context.close().catch(() => {});
  const { place: where, info } = server;
  const again = await startServer({ place: where, port: info.port });
  server.now = again;
  await relay.mend();
  tellWhat("browser and server were killed, and started anew");

  browser = await start({ flags: [relay.flag] });
  page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/done`);
  popup = await begin(browser, { readNotice: false });
  const { recording: same, startedAtMs: secondMs } = await statusOf(popup);
  assert.equal(same, recording, "the second run goes on in the same recording");
  const stoppedMs = await evening({ page, popup });

  const api = new Api(again.info);
  await api.signInByLink();
  const { items } = await api.get("/recordings?limit=100");
  assert.deepEqual(
    items.map(({ id }) => id),
    [recording],
    "one recording",
  );
  const { source, summary } = await api.get(`/recordings/${recording}`);
  assert.deepEqual([source, summary.clicks], ["screen", 5]);
  const tracks = await playWhole(api, recording, place);
  const writers = [...new Set(tracks.map(({ writer }) => writer))];
  assert.deepEqual([writers.length, tracks.length], [2, 6]);
  const spans = [(killedMs - firstMs) / 1000, (stoppedMs - secondMs) / 1000];
  const lasted = checkMedia(tracks, { writers, spans, away: (leftMs - wentMs) / 1000 });
  const entries = checkLog(tracks, writers);
  tellWhat(
    `${checkPictures(tracks)} pictures played, none of the excluded page; ${entries} entries, none of its words`,
  );
  tellWhat(
    `${lasted.video.toFixed(1)} s of pictures and ${lasted.audio.toFixed(1)} s of sound of ${sum(spans).toFixed(1)} s, with a gap of ${lasted.gap.toFixed(1)} s`,
  );
  assert.deepEqual(filesWith(where.root, SECRETS), [], "nothing in the server's files");
  await takeBack({ ...scene, api, popup, recording });
  await leave({ ...scene, api, browser });
}

/** After its end the last minutes are thrown away. */
async function takeBack({ api, popup, recording, place, say: tellWhat }) {
  await popup.getByRole("button", { name: "15 min" }).click();
  await popup.getByRole("button", { name: "Throw away" }).click();
  await waitFor("the server to have heard", async () => (await statusOf(popup)).untold === 0, {
    timeoutMs: 20_000,
  });
  const tracks = await waitFor(
    "it to be gone",
    async () => {
      const now = await playWhole(api, recording, place);
      return now.every(({ files, log }) => (files ?? log).length === 0) && now;
    },
    { timeoutMs: 60_000, everyMs: 1000 },
  );
  assert.ok(tracks.some(({ gaps }) => gaps.some(({ reason }) => reason === "discarded")));
  tellWhat("thrown away after its end: nothing of it is played any more, and a gap says why");
}

async function leave({ api, browser, say: tellWhat }) {
  const setup = await browser.context.newPage();
  await setup.goto(`chrome-extension://${browser.id}/setup.html`);
  await setup.getByRole("button", { name: "Leave" }).click();
  await setup.getByText("Join your organisation").waitFor({ timeout: 20_000 });
  const { items } = await api.get("/recorders");
  assert.deepEqual(
    items.filter(({ ended_at: ended }) => !ended),
    [],
    "it is off the list of recorders",
  );
  tellWhat("left: the server lists it no more");
}

export async function run(scene) {
  const server = await startServer();
  server.now = server;
  const relay = new Relay(server.info.port);
  try {
    await tell(scene, server, relay);
  } finally {
    await relay.cut();
    await server.now.stop();
    server.discard();
  }
}
