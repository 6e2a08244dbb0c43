// What a browser sees: first picture and seek in the player, of a page and of a screen; size and longest task of the
// recorder against plain rrweb on a page of 20,000 nodes.
//
//   node web/e2e/bench.mjs            a table, then the same as JSON
//   node web/e2e/bench.mjs --json     JSON only
//
// CLERESTORY_BIN names the binary. Figures are medians; nothing here fails because of a time.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";
import { Api } from "./lib/api.mjs";
import { launchBrowser } from "./lib/browser.mjs";
import { openPlayer, shareSession } from "./lib/console.mjs";
import { repository, web } from "./lib/paths.mjs";
import { allowScreens, recordScreen } from "./lib/screen.mjs";
import { startServer, stopAll } from "./lib/server.mjs";
import { pause, waitFor } from "./lib/wait.mjs";

const ROUNDS = 5;
const SCREEN_SECONDS = 120;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const gzipped = (file) => zlib.gzipSync(readFileSync(file), { level: 9 }).length;

/** The largest of the repository's sessions, imported as any rrweb recording would be. */
async function importSession(api) {
  const folder = path.join(repository, "fixtures", "sessions");
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json.gz")) : [];
  if (files.length === 0) throw new Error("there are no fixtures; run `cargo xtask record-fixtures` first");
  const sessions = files.map((file) => ({
    file,
    text: zlib.gunzipSync(readFileSync(path.join(folder, file))),
  }));
  sessions.sort((a, b) => b.text.length - a.text.length);
  const [largest] = sessions;
  const site = await api.shopSite();
  const answer = await api.request("POST", `/sites/${site.id}/imports`, { body: largest.text });
  if (answer.status !== 201) throw new Error(`the import answered ${answer.status}: ${answer.text}`);
  const item = await api.get(`/recordings/${answer.json.recording}`);
  return {
    id: item.id,
    duration_ms: item.duration_us / 1000,
    file: largest.file,
    bytes: largest.text.length,
  };
}

/** Notes, in every frame, when the player page says that a moment is on the screen. */
async function noteMessages(page) {
  await page.addInitScript(() => {
    const notes = [];
    window.notedMessages = notes;
    const post = MessagePort.prototype.postMessage;
    MessagePort.prototype.postMessage = function (message, ...rest) {
      if (message?.type) notes.push({ type: message.type, at: performance.timeOrigin + performance.now() });
      return post.call(this, message, ...rest);
    };
    addEventListener(
      "keydown",
      () => notes.push({ type: "key", at: performance.timeOrigin + performance.now() }),
      true,
    );
  });
}

async function notes(page) {
  const all = [];
  for (const frame of page.frames()) {
    const found = await frame.evaluate(() => window.notedMessages ?? []).catch(() => []);
    all.push(...found);
  }
  return all.sort((a, b) => a.at - b.at);
}

async function measurePlayer(browser, api, info) {
  const session = await importSession(api);
  const firsts = [];
  const seeks = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    await shareSession(context, api, info);
    const page = await context.newPage();
    await noteMessages(page);
    await page.goto(`${info.console}/recordings`);
    await pause(500);
    await openPlayer(page, info, session.id);
    await waitFor("the first picture", async () =>
      (await notes(page)).some((note) => note.type === "painted"),
    );
    const began = await page.evaluate(() => performance.timeOrigin);
    firsts.push((await notes(page)).find((note) => note.type === "painted").at - began);
    for (const key of ["l", "l", "l", "j", "l", "j"]) {
      await pause(400);
      await page.keyboard.press(key);
      const pressed = await waitFor("the key to arrive", async () =>
        (await notes(page)).findLast((note) => note.type === "key"),
      );
      const painted = await waitFor("the picture after a seek", async () =>
        (await notes(page)).find((note) => note.type === "painted" && note.at > pressed.at),
      ).catch(() => null);
      if (painted) seeks.push(painted.at - pressed.at);
    }
    await context.close();
  }
  return {
    session: {
      file: session.file,
      duration_s: Math.round(session.duration_ms / 1000),
      json_kb: Math.round(session.bytes / 1024),
    },
    first_picture_ms: Math.round(median(firsts)),
    seek_ms: Math.round(median(seeks)),
    seek_worst_ms: Math.round(Math.max(...seeks)),
    seeks: seeks.length,
  };
}

/** Notes when a video element has come to where it was sent, and its picture is drawn. */
async function noteSeeks(page) {
  await page.addInitScript(() => {
    const notes = [];
    window.notedSeeks = notes;
    const drawn = () => requestAnimationFrame(() => notes.push(performance.now()));
    document.addEventListener("seeked", () => requestAnimationFrame(drawn), true);
  });
}

/** A screen of two minutes, 1920 × 1080: how long after a click on the line its picture is there, and what was fetched for it. */
async function measureScreen(browser, api, info) {
  await allowScreens(api);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(context, api, info);
  const page = await context.newPage();
  await page.goto(`${info.console}/recordings`);
  const id = await recordScreen(api, page, { seconds: SCREEN_SECONDS, scale: 2 });
  await page.close();
  const facts = await api.get(`/recordings/${id}`);
  const seeks = [];
  const shares = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const player = await context.newPage();
    await noteSeeks(player);
    let bytes = 0;
    player.on("response", async (response) => {
      if (!/\/segments\/\d+$/.test(response.url())) return;
      bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
    });
    await player.goto(`${info.console}/recordings/${id}`);
    await pause(4000);
    for (const share of [0.8, 0.3, 0.6]) {
      bytes = 0;
      const line = await player.locator("[role=slider]").first().boundingBox();
      const before = await player.evaluate(() => window.notedSeeks.length);
      const pressed = await player.evaluate(() => performance.now());
      await player.mouse.click(line.x + line.width * share, line.y + line.height / 2);
      const drawn = await waitFor("the picture after a seek", async () => {
        const notes = await player.evaluate(() => window.notedSeeks);
        return notes.length > before ? notes.at(-1) : null;
      }).catch(() => null);
      if (drawn !== null) seeks.push(drawn - pressed);
      await pause(1500);
      shares.push(bytes / facts.size_bytes);
    }
    await player.close();
  }
  await context.close();
  return {
    seconds: SCREEN_SECONDS,
    kb: Math.round(facts.size_bytes / 1024),
    seek_ms: Math.round(median(seeks)),
    seek_worst_ms: Math.round(Math.max(...seeks)),
    seeks: seeks.length,
    fetched_percent: Math.round(100 * median(shares)),
    fetched_worst_percent: Math.round(100 * Math.max(...shares)),
  };
}

/** The longest task of the page's main thread between two marks of a Chromium trace, in milliseconds. */
function longestTask(trace) {
  const { traceEvents } = JSON.parse(trace.toString("utf8"));
  const mark = (name) =>
    traceEvents.find((event) => event.name === name && event.cat?.includes("blink.user_timing"));
  const [from, to] = [mark("bench-from"), mark("bench-to")];
  if (!from || !to) throw new Error("the trace lacks the marks of this measurement");
  const tasks = traceEvents.filter(
    (event) =>
      /RunTask$/.test(event.name) &&
      event.pid === from.pid &&
      event.tid === from.tid &&
      event.ts + event.dur >= from.ts &&
      event.ts <= to.ts,
  );
  return Math.max(0, ...tasks.map((event) => event.dur / 1000));
}

const rrweb = path.join(web, "node_modules", "@rrweb", "record", "dist", "record.umd.min.cjs");

/** Starts nothing, plain rrweb, or the product's recorder on a page that is already built. */
const STARTERS = {
  "no recorder": async () => undefined,
  "plain rrweb": async (page) => {
    await page.evaluate(`(() => { const module = { exports: {} }, exports = module.exports; ${readFileSync(rrweb, "utf8")};
      const record = module.exports.record ?? globalThis.rrwebRecord?.record ?? globalThis.rrweb?.record;
      globalThis.recorded = []; globalThis.startPlain = () => record({ emit: (event) => recorded.push(event), sampling: { mousemove: 50 } }); })()`);
    await page.evaluate(() => performance.mark("bench-from"));
    await page.evaluate(() => setTimeout(() => window.startPlain(), 0));
  },
  clerestory: async (page, release) => {
    await page.evaluate(() => performance.mark("bench-from"));
    release();
  },
};

async function oneTask(browser, info, name) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: true });
  const page = await context.newPage();
  let release = () => undefined;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route("**/capture/loader.js", async (route) => {
    if (name !== "clerestory") return route.abort();
    await held;
    return route.continue();
  });
  await page.goto(`${info.shop}/bench/heavy.html`, { waitUntil: "domcontentloaded" });
  await page.waitForSelector("html[data-heavy=ready]");
  await pause(1500);
  await browser.startTracing(page, {
    categories: [
      "devtools.timeline",
      "toplevel",
      "blink.user_timing",
      "disabled-by-default-devtools.timeline",
    ],
  });
  if (name === "no recorder") await page.evaluate(() => performance.mark("bench-from"));
  await STARTERS[name](page, release);
  await pause(4000);
  await page.evaluate(() => performance.mark("bench-to"));
  const start = longestTask(await browser.stopTracing());
  await browser.startTracing(page, {
    categories: [
      "devtools.timeline",
      "toplevel",
      "blink.user_timing",
      "disabled-by-default-devtools.timeline",
    ],
  });
  await page.evaluate(() => performance.mark("bench-from"));
  await page.locator("#heavy-change").click();
  await pause(700);
  await page.locator("#heavy-add").click();
  await pause(2500);
  await page.evaluate(() => performance.mark("bench-to"));
  const changes = longestTask(await browser.stopTracing());
  await context.close();
  return { start, changes };
}

async function measureRecorder(browser, info) {
  const told = {};
  for (const name of Object.keys(STARTERS)) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await oneTask(browser, info, name));
    told[name] = {
      longest_task_start_ms: Math.round(median(rounds.map((round) => round.start))),
      longest_task_changes_ms: Math.round(median(rounds.map((round) => round.changes))),
    };
  }
  return told;
}

function measureSizes() {
  const dist = path.join(web, "capture", "dist");
  const files = readdirSync(dist).filter((file) => file.endsWith(".js"));
  return {
    ...Object.fromEntries(
      files.map((file) => [`capture/${file}`, { gzip_bytes: gzipped(path.join(dist, file)) }]),
    ),
    "plain @rrweb/record, minified": { gzip_bytes: gzipped(rrweb) },
  };
}

function table(result) {
  const { player, screen, recorder, sizes, machine } = result;
  const lines = [
    `${machine.cores} cores, ${machine.cpu}, ${machine.date}`,
    "",
    `first picture            ${String(player.first_picture_ms).padStart(6)} ms   budget 1,000 ms`,
    `after a seek             ${String(player.seek_ms).padStart(6)} ms   budget   300 ms   worst of ${player.seeks}: ${player.seek_worst_ms} ms`,
    `a screen, after a seek   ${String(screen.seek_ms).padStart(6)} ms   budget   300 ms   worst of ${screen.seeks}: ${screen.seek_worst_ms} ms`,
    `  (1920 × 1080, ${screen.seconds} s, ${screen.kb} KB; fetched for it ${screen.fetched_percent} %, at most ${screen.fetched_worst_percent} %, budget 15 %)`,
    `  (session ${player.session.file}, ${player.session.duration_s} s, ${player.session.json_kb} KB of JSON)`,
    "",
    "longest task, 20,000 nodes       at start   500 cells changed, 200 rows added",
    ...Object.entries(recorder).map(
      ([name, told]) =>
        `  ${name.padEnd(28)} ${String(told.longest_task_start_ms).padStart(6)} ms ${String(told.longest_task_changes_ms).padStart(12)} ms`,
    ),
    "",
    ...Object.entries(sizes).map(
      ([name, { gzip_bytes }]) =>
        `  ${name.padEnd(40)} ${(gzip_bytes / 1024).toFixed(1).padStart(7)} KB gzip`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

async function main() {
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    const api = new Api(server.info);
    await api.signInByLink();
    await api.prove();
    const result = {
      machine: {
        cores: os.cpus().length,
        cpu: os.cpus()[0]?.model ?? "unknown",
        date: new Date().toISOString().slice(0, 10),
        chromium: browser.version(),
      },
      sizes: measureSizes(),
      player: await measurePlayer(browser, api, server.info),
      screen: await measureScreen(browser, api, server.info),
      recorder: await measureRecorder(browser, server.info),
    };
    if (!process.argv.includes("--json")) process.stdout.write(`${table(result)}\n`);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    await browser.close();
    await server.stop();
    server.discard();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } finally {
    await stopAll();
  }
}

export { longestTask, STARTERS };
