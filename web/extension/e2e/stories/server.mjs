/**
 * Stands for the extension and the real server together: joining with a code of the console, a recording with a page that
 * is excluded, and its play. `CLERESTORY_BIN` names the server.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Api } from "../../../e2e/lib/api.mjs";
import { startServer } from "../../../e2e/lib/server.mjs";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { CANARY } from "../lib/pages.mjs";
import { begin, joinAt, statusOf } from "../lib/person.mjs";
import { countNear, pictures } from "../lib/watch.mjs";

async function say(api, name, value) {
  const { version } = await api.get("/settings");
  const answer = await api.request("PUT", `/settings/${name}`, {
    body: { value },
    headers: { "if-match": `"${version}"` },
  });
  assert.equal(answer.status, 200, `${name}: ${answer.text}`);
}

/** A segment of a play, as a player gets it. */
function fetchFile(api, path) {
  const { port } = api.info;
  const cookie = api
    .cookies()
    .map(([name, value]) => `${name}=${value}`)
    .join("; ");
  const options = { port, path: `/api/v1${path}`, headers: { host: `localhost:${port}`, cookie } };
  return new Promise((resolve, reject) => {
    get(options, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      resolve({ status: answer.statusCode, bytes: Buffer.concat(parts) });
    }).once("error", reject);
  });
}

/** Looks at every picture that a player would get. */
async function lookAtPlay(api, play, place) {
  const { id, segments } = play.tracks.find(({ kind }) => kind === "video");
  let shown = 0;
  for (const { sequence } of segments) {
    const { status, bytes } = await fetchFile(api, `/plays/${play.id}/tracks/${id}/segments/${sequence}`);
    if (status === 204) continue;
    assert.equal(status, 200);
    const file = join(place, `segment-${sequence}.mp4`);
    writeFileSync(file, bytes);
    const frames = pictures(file);
    assert.ok(frames.length > 0 && frames.every((frame) => countNear(frame, CANARY) === 0));
    shown += frames.length;
  }
  return shown;
}

async function tell({ pages, start, place, say: tellWhat }, server) {
  const api = new Api(server.info);
  await api.signInByLink();
  await api.prove();
  await say(api, "capture.recording.enabled", true);
  await say(api, "capture.recording.audio", true);
  await say(api, "capture.notice.version", "2026-1");
  await say(api, "capture.notice.legal_basis", "works agreement");
  await say(api, "capture.url.patterns", ["http://bank.localhost/*"]);
  const { link } = await api.post("/recorders/codes");

  const browser = await start();
  await joinAt(browser, link, "Ada's laptop");
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await page.click("#switch");
  await pause(4000);
  await page.goto(`${pages.bank}/`);
  await waitFor("nothing to be captured", async () => (await statusOf(popup)).shut?.reason === "blocked");
  await pause(1500);
  await page.goto(`${pages.shop}/done`);
  await waitFor("it to go on", async () => (await statusOf(popup)).shut === null);
  await pause(4000);
  const { recording } = await statusOf(popup);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  const last = await waitFor(
    "all to be sent",
    async () => {
      const told = await statusOf(popup);
      return told?.phase === "idle" && told.waiting.segments === 0 && told;
    },
    { timeoutMs: 60_000 },
  );
  assert.deepEqual([last.refused, last.trouble], [[], null]);
  tellWhat(`${last.safe.segments} segments, ${last.safe.bytes} bytes acknowledged`);

  const { source, summary } = await api.get(`/recordings/${recording}`);
  assert.deepEqual([source, summary.clicks], ["screen", 1]);
  const play = await api.post(`/recordings/${recording}/plays`, { reason: "a story" });
  assert.deepEqual(play.tracks.map(({ kind }) => kind).sort(), ["actions", "audio", "video"]);
  for (const { kind, gaps } of play.tracks) {
    const reasons = gaps.map(({ reason }) => reason).filter((reason) => reason !== "stopped");
    assert.deepEqual([kind, reasons], [kind, ["url_denied"]]);
  }
  tellWhat(`${await lookAtPlay(api, play, place)} pictures played, none of the excluded page`);
}

export async function run(scene) {
  const server = await startServer();
  try {
    await tell(scene, server);
  } finally {
    await server.stop();
    server.discard();
  }
}
