/**
 * The extension in a real Chromium, against a receiving server of the tests' own: the stories beside this file.
 *
 * `node web/extension/e2e/run.mjs [names of stories] [--times N]` after `npm run build -w @clerestory/extension`. Needs `ffmpeg`,
 * `ffprobe` and `Xvfb`, for the story `server` one in `CLERESTORY_BIN`, and for `managed` the right to a mount namespace; `CHROMIUM` names another browser, `KEEP=1`
 * keeps the folders with profiles and files. `--times` is how often the story `kills` kills: 10 unless said, 50 for the soak.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { launch, prepare } from "./lib/browser.mjs";
import { servePages } from "./lib/pages.mjs";
import { Receiver } from "./lib/receiver.mjs";

const CLOSE_LIMIT_MS = 30_000;
const STORIES = [
  "journey",
  "rules",
  "allowed",
  "managed",
  "trouble",
  "goodbye",
  "still",
  "leaving",
  "screen",
  "beside",
  "kills",
  "server",
];

async function tell(name, times) {
  const place = mkdtempSync(join(tmpdir(), "clerestory-extension-"));
  const extension = join(place, "extension");
  const profile = join(place, "profile");
  for (const folder of [extension, profile]) mkdirSync(folder);
  prepare(extension);
  const receiver = new Receiver();
  await receiver.listen();
  const pages = await servePages();
  receiver.rules.urls.patterns = ["http://bank.localhost/*"];
  let browser = null;
  const start = async (options = {}) => {
    browser = await launch({ extension, profile, ...options });
    return browser;
  };
  const say = (text) => process.stdout.write(`${name}: ${text}\n`);
  // What the browser stands on ends after it: one whose screen was taken away may never be heard of again.
  const closings = [];
  const atEnd = (close) => closings.push(close);
  try {
    const { run } = await import(`./stories/${name}.mjs`);
    await run({ receiver, pages, start, extension, profile, place, say, atEnd, times });
    say("ok");
  } finally {
    await Promise.race([browser?.context.close(), pause(CLOSE_LIMIT_MS)]);
    for (const close of closings) close();
    await receiver.close();
    pages.close();
    if (process.env.KEEP === "1") say(place);
    else rmSync(place, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({
  options: { times: { type: "string", default: "10" } },
  allowPositionals: true,
});
const times = Number(values.times);
if (!Number.isInteger(times) || times < 1) throw new Error("--times is a whole number from 1");
for (const name of positionals.length > 0 ? positionals : STORIES) await tell(name, times);
