// kill -9 at random moments while the browser's own recorder sends: after a restart every acknowledged segment
// opens, and the recorder goes on.
import assert from "node:assert/strict";
import { Api } from "../lib/api.mjs";
import { visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "kill";
export const limitMs = 5 * 60_000;
const SEEDS = (process.env.CLERESTORY_KILL_SEEDS ?? "1,2").split(",").map(Number);

/** mulberry32: a small generator whose run a seed repeats. Source: Tommy Ettinger, public domain. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Watches a page's uploads and keeps what the server acknowledged. */
function acknowledgements(page) {
  const kept = [];
  page.on("response", async (response) => {
    const match = /\/api\/v1\/capture\/segments\/(\d+)$/.exec(new URL(response.url()).pathname);
    if (!match || response.request().method() !== "PUT" || response.status() !== 200) return;
    const authorization = response.request().headers().authorization ?? "";
    kept.push({ sequence: Number(match[1]), token: authorization });
  });
  return kept;
}

async function oneSeed(t, seed) {
  const random = generator(seed);
  let server = await t.server();
  const { place } = server;
  const { port } = server.info;
  const api = new Api(server.info);
  await api.signInByLink();
  const browser = await t.browser();
  const context = await browser.newContext();
  const page = await visitShop(context, server.info, "/showcase.html");
  const kept = acknowledgements(page);
  await page.reload();
  for (let kills = 0; kills < 4; kills += 1) {
    const until = Date.now() + 800 + random() * 3000;
    while (Date.now() < until) {
      await page.getByRole("button", { name: "Add a row" }).click();
      await page.mouse.move(random() * 800, random() * 600);
      await pause(40 + random() * 120);
    }
    await server.kill();
    await pause(random() * 800);
    server = await t.server({ place, port });
    await pause(500 + random() * 2500);
  }
  const again = new Api(server.info).withCookies(api.cookies());
  if ((await again.request("GET", "/session")).status !== 200) await again.signInByLink();
  const before = kept.length;
  await page.getByRole("button", { name: "Add a row" }).click();
  await waitFor("the recorder to send again after the last start", () => kept.length > before, {
    timeoutMs: 40_000,
  });
  const rowsAtEnd = await page.locator("#show-rows tr").count();
  await pause(6_000);
  const opened = await openEverything(again);
  const lost = kept.filter(({ sequence, token }) => {
    const { recording, track } = named(token);
    return !opened.has(`${recording} ${track} ${sequence}`);
  });
  assert.deepEqual(lost, [], `acknowledged segments are lost (seed ${seed})`);
  const verified = await again.get("/audit/verify");
  assert.equal(verified.intact, true, `the audit is broken at ${verified.first_break} (seed ${seed})`);
  t.say(
    `seed ${seed}: 4 kills, ${kept.length} acknowledged, ${opened.size} opened, ${rowsAtEnd} rows on the page`,
  );
}

/** Which recording and track an ingest token is for: docs/formats.md says where in it they stand. */
function named(token) {
  const claims = Buffer.from(token.replace(/^Bearer cit_/, ""), "base64url");
  const id = (at) => claims.subarray(at, at + 16).toString("hex");
  return { recording: `rec_${id(49)}`, track: `trk_${id(65)}` };
}

async function openEverything(api) {
  const opened = new Set();
  for (const { id } of await api.recordings()) {
    const play = await api.post(`/recordings/${id}/plays`, { reason: "End-to-end test" });
    for (const track of play.tracks) {
      for (const { sequence } of track.segments) {
        const events = await api.get(`/plays/${play.id}/tracks/${track.id}/segments/${sequence}`);
        assert.ok(Array.isArray(events) && events.length > 0, `segment ${sequence} opened empty`);
        opened.add(`${id} ${track.id} ${sequence}`);
      }
    }
  }
  return opened;
}

export async function run(t) {
  for (const seed of SEEDS) await oneSeed(t, seed);
}
