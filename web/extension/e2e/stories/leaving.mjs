/**
 * Stands for ways out of something excluded on which the page around it stays: an application that goes to another
 * address by itself, and draws late; and a frame that is taken out of a page which is busy. And for an excluded frame of
 * no size, which shuts nothing until it gets one.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { CANARY } from "../lib/pages.mjs";
import { begin, joinIn, statusOf } from "../lib/person.mjs";
import { countNear, lookAt } from "../lib/watch.mjs";

const COLOUR = `rgb(${CANARY.red},${CANARY.green},${CANARY.blue})`;
/** How long what was excluded stays on the screen after its address is gone. */
const LATE_MS = 1500;

const FRAME = `<!doctype html><body style="margin:0;background:${COLOUR}">`;
const APPLICATION = `<!doctype html><meta charset="utf-8"><title>Application</title>
<style>body{margin:0;background:#fff;font:20px sans-serif}#box{height:400px}iframe{width:100%;height:380px;border:0}</style>
<div id="box"></div><p id="count"></p>
<script>
let n = 0;
setInterval(() => { count.textContent = n++; }, 100);
const enter = () => { history.pushState({}, "", "/account/1"); box.style.background = "${COLOUR}"; };
const leave = (late) => {
  history.pushState({}, "", "/home");
  setTimeout(() => { box.style.background = "#fff"; }, late);
};
const addFrame = () => {
  const frame = document.createElement("iframe");
  frame.src = "http://bank.localhost:" + location.port + "/frame";
  box.append(frame);
};
const hide = (style) => {
  addFrame();
  document.querySelector("iframe").style.cssText = style;
};
const showFrame = () => { document.querySelector("iframe").style.cssText = ""; };
const removeFrame = (late) => {
  document.querySelector("iframe").remove();
  for (const since = performance.now(); performance.now() - since < late; );
};
</script>`;

async function serve() {
  const server = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
    response.end(request.url.startsWith("/frame") ? FRAME : APPLICATION);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const shut = (popup, reason) =>
  waitFor(`it to be shut: ${reason}`, async () => ((await statusOf(popup)).shut?.reason ?? null) === reason, {
    timeoutMs: 20_000,
  });

async function tell({ receiver, start, place, say }, origin) {
  receiver.rules.urls.patterns = ["http://bank.localhost/*", "/account/**"];
  const browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${origin}/home`);
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await page.goto(`${origin}/second`);
  await pause(3000);
  await page.evaluate("enter()");
  await shut(popup, "blocked");
  await pause(2000);
  await page.evaluate(`leave(${LATE_MS})`);
  await shut(popup, null);
  say("left an excluded address within one document");
  await pause(2000);
  await page.evaluate("addFrame()");
  await shut(popup, "blocked");
  await pause(2000);
  await page.evaluate(`removeFrame(${LATE_MS})`);
  await shut(popup, null);
  say("an excluded frame was taken out of a busy page");
  await pause(2000);
  for (const style of ["display:none", "width:1px;height:1px;position:absolute"]) {
    await page.evaluate((told) => hide(told), style);
    await pause(4000);
    assert.equal((await statusOf(popup)).shut, null, `nothing is shut by a frame that is ${style}`);
    if (style.startsWith("width")) break;
    await page.evaluate("removeFrame(0)");
  }
  await page.evaluate("showFrame()");
  await shut(popup, "blocked");
  await pause(1000);
  await page.evaluate("removeFrame(0)");
  await shut(popup, null);
  say("an excluded frame of no size shut nothing, until it got one");
  await pause(2000);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("the end to be told", () => receiver.ends.length > 0, { timeoutMs: 60_000 });

  const [run] = receiver.runs.values();
  const seen = lookAt(place, run, "leaving");
  assert.equal(Math.max(...seen.frames.map((frame) => countNear(frame, CANARY))), 0, "nothing of it is seen");
  const gaps = seen.video.flatMap(({ head }) => head.gaps);
  assert.deepEqual(
    gaps.map(({ reason }) => reason),
    ["blocked", "blocked", "blocked"],
  );
  say(
    `${seen.frames.length} pictures; gaps of ${gaps.map((gap) => gap.to_ms - gap.from_ms).join(" and ")} ms`,
  );
}

export async function run(scene) {
  const server = await serve();
  try {
    await tell(scene, `http://app.localhost:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
