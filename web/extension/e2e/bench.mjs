/**
 * What recording costs: processor time and memory of the whole browser while a page of text at 1920 × 1080 changes so
 * many times a second, with nothing recorded, with the extension, and with a bare `MediaRecorder` in a page.
 *
 * `node web/extension/e2e/bench.mjs`; `SECONDS_EACH` is how long each is measured (600), `RATES` how often the page changes
 * (`5,30`). Prints a table. Nothing is asserted.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { launch, prepare } from "./lib/browser.mjs";
import { joinIn } from "./lib/person.mjs";
import { Receiver } from "./lib/receiver.mjs";

const SECONDS = Number(process.env.SECONDS_EACH ?? 600);
const RATES = (process.env.RATES ?? "5,30").split(",").map(Number);
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

const page = (rate) => `<!doctype html><title>Text that changes</title>
<style>body{margin:20px;font:16px/1.3 monospace;columns:3}</style><div id="text"></div>
<script>
const words = "the of and to in is that for it as was with be by on not he his but at are this have from or".split(" ");
let turn = 0;
const line = () => Array.from({ length: 9 }, (_, at) => words[(turn * 7 + at * 13) % words.length]).join(" ");
const text = document.getElementById("text");
for (let at = 0; at < 140; at += 1) text.append(Object.assign(document.createElement("div"), { textContent: line(turn += 1) }));
setInterval(() => { turn += 1; text.children[turn % 140].textContent = line(); }, ${1000 / rate});
</script>`;

/** Processes of the browser with this profile, its children included. */
function family(profile) {
  const rows = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const told = rows.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const ticks = Number(fields[11]) + Number(fields[12]);
      return [{ pid, parent: fields[1], ticks, words, pages: Number(fields[21]) }];
    } catch {
      return [];
    }
  });
  const ours = new Set(told.filter(({ words }) => words.includes(profile)).map(({ pid }) => pid));
  for (let grown = -1; grown !== ours.size; ) {
    grown = ours.size;
    for (const { pid, parent } of told) if (ours.has(parent)) ours.add(pid);
  }
  return told.filter(({ pid }) => ours.has(pid));
}

async function measure(profile) {
  const sum = (rows, field) => rows.reduce((total, row) => total + row[field], 0);
  const before = sum(family(profile), "ticks");
  const beganMs = Date.now();
  let most = 0;
  for (const until = beganMs + SECONDS * 1000; Date.now() < until; ) {
    await pause(1000);
    most = Math.max(most, sum(family(profile), "pages") * PAGE_BYTES);
  }
  const seconds = (Date.now() - beganMs) / 1000;
  const ticks = sum(family(profile), "ticks") - before;
  return { core: ticks / TICKS_PER_SECOND / seconds, mebibytes: most / 2 ** 20 };
}

/** The recorder is asked directly, so that the rate can be chosen without a managed browser. */
async function record({ context, worker, id }, rate) {
  const ui = await context.newPage();
  await ui.goto(`chrome-extension://${id}/setup.html`);
  await worker.evaluate(() =>
    chrome.offscreen.createDocument({
      url: "offscreen.html",
      reasons: ["USER_MEDIA"],
      justification: "measuring",
    }),
  );
  const begin = async (framesPerSecond) => {
    const { enrolment } = await chrome.storage.local.get("enrolment");
    const [{ id: tab }] = (await chrome.tabs.query({})).filter(({ title }) => title === "Text that changes");
    const streamId = await chrome.tabCapture.getMediaStreamId({ targetTabId: tab });
    const wish = {
      surface: "tab",
      tab,
      microphone: false,
      notice: "2026-1",
      enrolment,
      streamId,
      framesPerSecond,
    };
    return chrome.runtime.sendMessage({ to: "recorder", kind: "begin", begin: wish });
  };
  const answer = await ui.evaluate(begin, rate);
  if (!("ok" in answer)) throw new Error(JSON.stringify(answer));
  await context.pages()[0].bringToFront();
}

async function recordBare({ context }, origin, rate) {
  const bare = await context.newPage();
  await bare.goto(`${origin}/bare`);
  await bare.evaluate(async (frameRate) => {
    const wish = {
      video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: frameRate } },
      audio: true,
    };
    const stream = await navigator.mediaDevices.getDisplayMedia(wish);
    const recorder = new MediaRecorder(stream, {
      mimeType: "video/webm;codecs=vp9,opus",
      videoBitsPerSecond: 1_450_000,
    });
    window.kept = 0;
    recorder.addEventListener("dataavailable", ({ data }) => {
      window.kept += data.size;
    });
    recorder.start(2000);
  }, rate);
  await context.pages()[0].bringToFront();
}

async function one(rate, how) {
  const place = mkdtempSync(join(tmpdir(), "clerestory-bench-"));
  const extension = join(place, "extension");
  const profile = join(place, "profile");
  for (const folder of [extension, profile]) mkdirSync(folder);
  prepare(extension);
  const receiver = new Receiver();
  await receiver.listen();
  const server = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end(request.url === "/bare" ? "<!doctype html><title>Bare</title>" : page(rate));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://localhost:${server.address().port}`;
  const flags = ["--auto-select-tab-capture-source-by-title=Text that changes"];
  const browser = await launch({ extension, profile, flags, size: { width: 1920, height: 1080 } });
  try {
    await joinIn(browser, receiver);
    await browser.context.pages()[0].goto(`${origin}/`);
    if (how === "extension") await record(browser, rate);
    if (how === "MediaRecorder") await recordBare(browser, origin, rate);
    await pause(3000);
    const { core, mebibytes } = await measure(profile);
    const taken = [...receiver.runs.values()].flatMap(({ segments }) => [...segments.video.values()]);
    const bytes = taken.reduce((sum, { plain }) => sum + plain.length, 0);
    const rateText = bytes > 0 ? `; ${((bytes * 8) / SECONDS / 1000).toFixed(0)} kbit/s of pictures` : "";
    process.stdout.write(
      `${rate} a second, ${how}: ${core.toFixed(2)} cores, ${mebibytes.toFixed(0)} MiB${rateText}\n`,
    );
  } finally {
    await browser.context.close();
    await receiver.close();
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true, force: true });
  }
}

for (const rate of RATES) for (const how of ["nothing", "MediaRecorder", "extension"]) await one(rate, how);
process.exit(0);
