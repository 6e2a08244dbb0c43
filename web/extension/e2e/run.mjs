/**
 * The extension in a real Chromium, against a receiving server of the tests' own: the stories beside this file.
 *
 * `node web/extension/e2e/run.mjs [names of stories]` after `npm run build -w @clerestory/extension`. Needs `ffmpeg`,
 * `ffprobe` and `Xvfb`, and for the story `server` one in `CLERESTORY_BIN`; `CHROMIUM` names another browser, `KEEP=1`
 * keeps the folders with profiles and files.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, prepare } from "./lib/browser.mjs";
import { servePages } from "./lib/pages.mjs";
import { Receiver } from "./lib/receiver.mjs";

const STORIES = ["journey", "rules", "trouble", "still", "leaving", "screen", "beside", "kills", "server"];

async function tell(name) {
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
  try {
    const { run } = await import(`./stories/${name}.mjs`);
    await run({ receiver, pages, start, profile, place, say });
    say("ok");
  } finally {
    await browser?.context.close();
    await receiver.close();
    pages.close();
    if (process.env.KEEP === "1") say(place);
    else rmSync(place, { recursive: true, force: true });
  }
}

const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : STORIES) await tell(name);
