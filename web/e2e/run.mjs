// The end-to-end runner: every file in stories/ is one story, run against the real binary in Chromium.
//
//   node web/e2e/run.mjs              all stories
//   node web/e2e/run.mjs NAME...      these ones
//   node web/e2e/run.mjs --list       their names
//   node web/e2e/run.mjs --at-once 2  two at a time: each waits for most of its time
//
// CLERESTORY_BIN names the binary (target/debug/clerestory otherwise). CLERESTORY_IDENTITY_BIN names a binary
// whose sealing is identity, for the stories canary and at-rest. Each story has a server, a directory and browsers of its own,
// all of which end with it. Screenshots and logs of failed stories are in target/e2e.
import { copyFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Api } from "./lib/api.mjs";
import { launchBrowser } from "./lib/browser.mjs";
import { binary, e2e, output } from "./lib/paths.mjs";
import { startServer, stopAll } from "./lib/server.mjs";

const STORY_LIMIT_MS = 6 * 60_000;
const CLOSE_LIMIT_MS = 60_000;

/** What a story gets; everything it opens through this is closed after it. */
class Context {
  #servers = [];
  #browsers = [];

  constructor(name) {
    this.name = name;
  }

  async server(options) {
    const server = await startServer(options);
    this.#servers.push(server);
    return server;
  }

  async browser(flags) {
    const browser = await launchBrowser(flags);
    this.#browsers.push(browser);
    return browser;
  }

  /** A server with one browser and a signed-in API. The link is spent by the API; `cookies()` hands it on. */
  async signedIn(options) {
    const server = await this.server(options);
    const api = new Api(server.info);
    await api.signInByLink();
    return { server, api, info: server.info };
  }

  /** Where a picture of this story goes. */
  picture(title) {
    return path.join(output, `${this.name}-${title}.png`);
  }

  /** By its name: another story may be told at the same time. */
  say(line) {
    process.stdout.write(`      ${this.name}: ${line}\n`);
  }

  async close({ failed }) {
    if (failed) await this.#lastPictures();
    await Promise.allSettled(this.#browsers.map((browser) => browser.close()));
    for (const [at, server] of this.#servers.entries()) {
      await server.kill();
      const kept = path.join(output, `${this.name}-server${at === 0 ? "" : at + 1}.log`);
      if (failed && existsSync(server.place.log)) copyFileSync(server.place.log, kept);
      if (!process.env.CLERESTORY_E2E_KEEP) server.discard();
    }
  }

  async #lastPictures() {
    const pages = this.#browsers.flatMap((browser) =>
      browser.contexts().flatMap((context) => context.pages()),
    );
    await Promise.allSettled(
      pages.map((page, at) => page.screenshot({ path: this.picture(`failed-${at + 1}`), timeout: 5000 })),
    );
  }
}

function within(limitMs, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs / 1000} s`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function runStory(story) {
  const context = new Context(story.name);
  const started = performance.now();
  let failure;
  const failed = (error) => {
    failure ??= error instanceof Error ? error : new Error(String(error));
    // At once: what is closed now may never close.
    process.stdout.write(`      ${story.name}: ${explain(failure)}\n`);
  };
  try {
    await within(story.limitMs ?? STORY_LIMIT_MS, story.run(context));
  } catch (error) {
    failed(error);
  }
  try {
    await within(CLOSE_LIMIT_MS, context.close({ failed: failure !== undefined }));
  } catch (error) {
    failed(error);
  }
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${failure ? "FAIL" : "  ok"}  ${story.name}  ${seconds.toFixed(1)} s\n`);
  return { name: story.name, seconds, failure };
}

/** Runs stories in their order, so many at a time. */
async function runStories(stories, atOnce) {
  const waiting = [...stories];
  const results = [];
  const next = async () => {
    for (let story = waiting.shift(); story; story = waiting.shift()) results.push(await runStory(story));
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return results;
}

function explain(error) {
  const lines = [error.stack ?? error.message];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    lines.push(`because: ${cause.message}`);
  return lines.join("\n").replaceAll("\n", "\n      ");
}

async function allStories() {
  const folder = path.join(e2e, "stories");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".mjs"))
    .sort();
  const stories = [];
  for (const file of files) {
    const { name, run, limitMs } = await import(pathToFileURL(path.join(folder, file)).href);
    if (typeof name !== "string" || typeof run !== "function") throw new Error(`${file} is not a story`);
    stories.push({ name, run, limitMs });
  }
  return stories;
}

async function main() {
  const { values, positionals: wanted } = parseArgs({
    options: { list: { type: "boolean" }, "at-once": { type: "string", default: "1" } },
    allowPositionals: true,
  });
  const stories = await allStories();
  if (values.list) {
    process.stdout.write(stories.map((story) => `${story.name}\n`).join(""));
    return 0;
  }
  const atOnce = Number(values["at-once"]);
  if (!Number.isInteger(atOnce) || atOnce < 1) throw new Error("--at-once is a whole number from 1");
  const unknown = wanted.filter((name) => !stories.some((story) => story.name === name));
  if (unknown.length > 0) throw new Error(`there is no story ${unknown.join(", ")}; --list names them`);
  const chosen = wanted.length === 0 ? stories : stories.filter((story) => wanted.includes(story.name));
  process.stdout.write(`${chosen.length} stories with ${binary}\n`);
  const results = await runStories(chosen, atOnce);
  const failed = results.filter((result) => result.failure);
  const report = results.map(({ name, seconds, failure }) => ({
    name,
    seconds,
    failure: failure?.message ?? null,
  }));
  writeFileSync(path.join(output, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${results.length - failed.length} ok, ${failed.length} failed\n`);
  return failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} finally {
  await stopAll();
}
