/**
 * Plays hostile recordings in Chromium: nothing may run, no name may be looked up, and the rest must play.
 *
 *   node web/player/test/browser.mjs [--only <part of a name>]
 *
 * All names but this machine's own lead to a sink that counts connections. A control page proves first that the
 * sink counts; a recording made in the same browser proves that the player draws.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { el, hostile, page, text } from "./hostile.mjs";
import { startServer, startSink } from "./server.mjs";

const CORPUS = fileURLToPath(new URL("../../../crates/intake/corpus/hostile/", import.meta.url));
const only = process.argv[process.argv.indexOf("--only") + 1];

const server = await startServer();
const sink = await startSink();
const browser = await chromium.launch({
  executablePath: process.env.CLERESTORY_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // What Chromium asks its maker for by itself is not the player's doing and is answered with no such name.
    `--host-resolver-rules=${["google.com", "googleapis.com", "gstatic.com", "gvt1.com"]
      .map((name) => `MAP *.${name} ~NOTFOUND`)
      .join(", ")}, MAP * 127.0.0.1:${sink.port}, EXCLUDE 127.0.0.1, EXCLUDE localhost`,
  ],
});

const failures = [];
async function test(name, run) {
  if (process.argv.includes("--only") && !name.includes(only)) return;
  try {
    await run();
    console.log(`ok    ${name}`);
  } catch (error) {
    failures.push(name);
    console.log(`FAIL  ${name}\n      ${String(error?.message ?? error).replaceAll("\n", "\n      ")}`);
  }
}

/** A console page with a player in it, and what both said. */
async function open(t = {}) {
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(server.console);
  const ready = await page.evaluate(
    ([origin, claimed]) => window.embed(origin, claimed),
    [server.content, t.claimed ?? server.console],
  );
  const heard = [];
  const listen = async () => heard.push(...(await page.evaluate(() => window.heard())));
  const until = async (type, ms = 8000) => {
    const end = Date.now() + ms;
    for (;;) {
      await listen();
      const found = heard.find((message) => message.type === type);
      if (found) return found;
      if (Date.now() > end)
        throw new Error(`no "${type}" within ${ms} ms; heard ${JSON.stringify(heard).slice(0, 600)}`);
      await new Promise((done) => setTimeout(done, 25));
    }
  };
  // As text: the driver's own encoding of deep trees takes for ever.
  const tell = (message) => page.evaluate((json) => window.tell(JSON.parse(json)), JSON.stringify(message));
  const player = () => page.frames().find((frame) => frame.url().startsWith(`${server.content}/player/`));
  /** Asks the recorded document, through the player page that built it. */
  const inside = (ask, argument) =>
    player().evaluate(
      ([source, arg]) => {
        const easel = document.querySelector(".easel:not(.behind) iframe");
        // biome-ignore lint/security/noGlobalEval: the test's own functions, in the test's own page
        return globalThis.eval(`(${source})`)(easel?.contentDocument, arg);
      },
      [String(ask), argument],
    );
  const eventually = async (ask, wanted) => {
    for (let n = 0; n < 80 && (await inside(ask)) !== wanted; n += 1) await page.waitForTimeout(25);
    assert.equal(await inside(ask), wanted);
  };
  return {
    eventually,
    context,
    page,
    ready,
    errors,
    heard,
    until,
    tell,
    player,
    inside,
    close: () => context.close(),
  };
}

const loaded = (events, more = {}) => ({
  type: "load",
  load: 1,
  at_ms: 100,
  play: false,
  speed: 1,
  until_ms: null,
  earliest: true,
  segments: [{ sequence: 0, start_us: 0, events }],
  ...more,
});

// ---------------------------------------------------------------- controls

await test("control: the sink counts what is looked up", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(server.console);
  await page.evaluate(() => fetch("http://control.evil.test/").catch(() => null));
  await context.close();
  assert.ok(sink.connections > 0, "a fetch to another name did not reach the sink");
  sink.reset();
});

await test("handshake: only the console's origin is accepted", async () => {
  const right = await open();
  assert.equal(right.ready, true);
  await right.close();
  const wrong = await open({ claimed: "http://evil.test" });
  assert.equal(wrong.ready, false);
  await wrong.close();
});

// ---------------------------------------------------------------- a real recording

async function record() {
  const bundle = await build({
    stdin: {
      contents: 'export { record } from "@rrweb/record";',
      resolveDir: fileURLToPath(new URL("../..", import.meta.url)),
    },
    bundle: true,
    format: "iife",
    globalName: "recorder",
    write: false,
  });
  const context = await browser.newContext({ viewport: { width: 800, height: 600 } });
  const page = await context.newPage();
  await page.goto(server.console);
  await page.setContent(`<!doctype html><html><head><style>body{margin:0;font:16px sans-serif}.tall{height:3000px}
    #b{position:absolute;left:40px;top:40px;width:120px;height:40px}</style></head><body>
    <h1>Shelf</h1><p id="masked">•••••</p><button id="b">Add</button><input id="i"><ul id="l"></ul><div class="tall"></div></body></html>`);
  await page.evaluate(`${bundle.outputFiles[0].text};window.recorder = recorder; window.taken = [];`);
  await page.evaluate(() => {
    window.stop = window.recorder.record({
      emit: (event) => window.taken.push(event),
      checkoutEveryNms: 1200,
    });
    const list = document.getElementById("l");
    document.getElementById("b").onclick = () =>
      list.append(
        Object.assign(document.createElement("li"), { textContent: `item ${list.children.length + 1}` }),
      );
  });
  for (let n = 0; n < 8; n += 1) {
    await page.mouse.move(60 + n, 60, { steps: 3 });
    await page.mouse.click(90, 60);
    await page.waitForTimeout(300);
  }
  await page.fill("#i", "typed");
  await page.mouse.wheel(0, 500);
  await page.waitForTimeout(500);
  const events = await page.evaluate(() => window.taken);
  await context.close();
  return events;
}

const visit = await record();
const first = visit[0].timestamp;
const clicks = visit.filter((event) => event.type === 3 && event.data.source === 2 && event.data.type === 2);
const items = (document) => document.querySelectorAll("li").length;

await test("a recording is drawn, sought forwards and backwards, and played through keyframes", async () => {
  const t = await open();
  const at = (index) => clicks[index].timestamp - first + 60;
  await t.tell(loaded(visit, { at_ms: at(2) }));
  const painted = await t.until("painted");
  assert.equal(await t.inside(items), 3);
  console.log(`      first picture ${painted.took_ms.toFixed(0)} ms`);
  for (const index of [6, 1, 4]) {
    t.heard.length = 0;
    await t.tell({ type: "seek", at_ms: at(index) });
    const { took_ms } = await t.until("painted");
    assert.equal(await t.inside(items), index + 1, `after a seek to click ${index + 1}`);
    console.log(`      seek ${took_ms.toFixed(0)} ms`);
  }
  t.heard.length = 0;
  await t.tell({ type: "play", speed: 4, until_ms: null });
  await t.until("reached");
  assert.equal(await t.inside(items), 8);
  assert.equal(await t.inside((document) => document.querySelector("#i").value), "typed");
  await t.eventually((document) => document.defaultView.scrollY, 500);
  const before = await t.player().evaluate(() => document.querySelectorAll(".easel").length);
  assert.ok(before <= 2, `${before} chapters are kept built`);
  await t.tell({ type: "reset" });
  await t.page.waitForTimeout(100);
  assert.equal(await t.player().evaluate(() => document.querySelectorAll("#stage *").length), 0);
  assert.deepEqual(t.errors, []);
  await t.close();
});

await test("segments that follow lengthen what is shown, without a flash", async () => {
  const t = await open();
  const cut = visit.findIndex((event) => event.timestamp >= clicks[1].timestamp + 30);
  await t.tell(loaded(visit.slice(0, cut), { at_ms: 20, play: true }));
  await t.until("reached");
  const start_us = (visit[cut].timestamp - first) * 1000;
  await t.tell({ type: "append", load: 1, segments: [{ sequence: 1, start_us, events: visit.slice(cut) }] });
  t.heard.length = 0;
  await t.tell({ type: "play", speed: 8, until_ms: null });
  await t.until("reached");
  assert.equal(await t.inside(items), 8);
  await t.close();
});

await test("a canvas shows its picture, and masked text a bar, in a frame without scripts", async () => {
  const red =
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
  const canvas = el("canvas", { width: "240", height: "120" }, [text("fallback")]);
  const masked = el("p", { class: "masked" }, [text("\u2022\u2022\u2022\u2022\u2022")]);
  const { events } = page({ body: [canvas, masked] });
  const attributes = [{ id: canvas.id, attributes: { rr_dataURL: red } }];
  const t = await open();
  const change = { source: 0, texts: [], removes: [], adds: [], attributes };
  await t.tell(loaded([...events, { type: 3, timestamp: 1050, data: change }], { at_ms: 100 }));
  await t.until("painted");
  const [width, height, picture] = await t.inside((document) => {
    const drawn = document.querySelector("canvas");
    const { width, height } = drawn.getBoundingClientRect();
    return [width, height, document.defaultView.getComputedStyle(drawn).backgroundImage];
  });
  assert.deepEqual([width, height], [240, 120]);
  assert.equal(picture, `url("${red}")`);
  const bars = await t.inside(
    (document) => document.defaultView.CSS.highlights.get("clerestory-masked")?.size,
  );
  assert.equal(bars, 1);
  assert.equal(await t.inside((document) => document.querySelector(".masked").childNodes.length), 1);
  await t.close();
});

await test("a blocked picture is a placeholder of its size, without a broken-image mark", async () => {
  const kept = { "data-clerestory": "blocked", alt: "Enamel kettle", rr_width: "160px", rr_height: "100px" };
  const { events } = page({ body: [el("img", kept)] });
  const t = await open();
  await t.tell(loaded(events, { at_ms: 100 }));
  await t.until("painted");
  const drawn = await t.inside((document) => {
    const picture = document.querySelector("img");
    const { width, height } = picture.getBoundingClientRect();
    const { content } = document.defaultView.getComputedStyle(picture);
    return { width, height, alt: picture.alt, plain: content.startsWith('url("data:image/gif;base64,') };
  });
  assert.deepEqual(drawn, { width: 160, height: 100, alt: "Enamel kettle", plain: true });
  await t.close();
});

// ---------------------------------------------------------------- hostile recordings

const corpus = existsSync(CORPUS)
  ? await Promise.all(
      (await readdir(CORPUS))
        .filter((name) => name.endsWith(".json"))
        .sort()
        .map(async (name) => ({ ...JSON.parse(await readFile(CORPUS + name, "utf8")), corpus: true })),
    )
  : [];

/** What the player page itself is made of; everything else asked of the content host was asked by a recording. */
const OWN = /^\/player\/(?:player-[0-9a-f]{16}\.(?:js|css))?$/;

// The sink is not emptied between them: they run side by side, and not one may reach it.
sink.reset();
async function playHostile({ name, expect, events, corpus: foreign }) {
  await test(`hostile: ${name}${foreign ? " (intake corpus)" : ""}`, async () => {
    const t = await open();
    await t.tell(loaded(events, { at_ms: 1, play: true, speed: 1 }));
    // Foreign files may hold no list of events, or nothing to draw; the page must say so and stay as it is.
    await t.until(!Array.isArray(events) ? "error" : foreign ? "made_inert" : "painted");
    await t.page.waitForTimeout(450);
    await t.tell({ type: "seek", at_ms: 1e6 });
    await t.page.waitForTimeout(150);
    const ran = await Promise.all(t.page.frames().map((frame) => frame.evaluate(() => "__ran" in window)));
    assert.ok(!ran.includes(true), "something ran");
    assert.equal(sink.connections, 0, `the sink was asked: ${sink.asked.join(" | ")}`);
    const others = server.requests.filter((path) => !OWN.test(path));
    assert.deepEqual(others, [], "the content host was asked for something");
    const urls = t.page
      .frames()
      .map((frame) => frame.url())
      .filter((url) => url !== "" && url !== "about:blank");
    assert.ok(
      urls.every((url) => url.startsWith(server.console) || url.startsWith(`${server.content}/player/`)),
      urls.join(" "),
    );
    if (!foreign && expect === "plays") {
      assert.equal(
        await t.inside((document) => document?.querySelector("#still-here")?.textContent),
        "The rest plays.",
      );
    }
    await t.close();
  });
}

const waiting = [...hostile, ...corpus];
const worker = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) await playHostile(next);
};
await Promise.all([worker(), worker(), worker(), worker()]);

await browser.close();
server.close();
sink.close();
console.log(failures.length === 0 ? "all passed" : `${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
