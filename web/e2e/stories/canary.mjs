// What is excluded is in no request, file or log, even when sealing is identity. What was unmasked leaves, so it
// must be unreadable on disk; and with identity sealing the scanner must find it, or its silence means nothing.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { output, repository } from "../lib/paths.mjs";
import { capturedUntil, onlyRecording, waitForRecorder } from "../lib/shop.mjs";
import { pause } from "../lib/wait.mjs";
import { requestsIn, sentBytes, wireFlags } from "../lib/wire.mjs";
import { scanBytes, scanDirectory } from "../scanner.mjs";

export const name = "canary";
export const limitMs = 5 * 60_000;

const identityBinary =
  process.env.CLERESTORY_IDENTITY_BIN ?? path.join(repository, "target", "identity", "debug", "clerestory");

/** Words nobody would find by accident. No secret of them may ever leave the browser. */
export const SECRET = {
  excluded: "zebrafinch-4417-excluded",
  password: "quetzalcoatl-8829-password",
  card: "4000056655665556",
  hidden: "wallcreeper-3051-hidden",
  masked: "bohemianwaxwing-7790-masked",
  selected: "nutcracker-1188-text",
};
/** Shown on purpose: it may leave, and lies sealed on disk. */
export const SHOWN = "hazelgrouse-6624-shown";

export async function visit(context, info) {
  const page = await context.newPage();
  await page.goto(`${info.shop}/checkout.html`);
  await waitForRecorder(page);
  await page.getByLabel("Note for the driver").pressSequentially(SECRET.excluded, { delay: 5 });
  await page.getByLabel("Name", { exact: true }).pressSequentially(SECRET.masked, { delay: 5 });
  await page.getByLabel("Create an account").check();
  await page.locator("#new-password").pressSequentially(SECRET.password, { delay: 5 });
  await page.locator("#show-password").click();
  await page.locator("#new-password").press("End");
  await page.locator("#new-password").pressSequentially("x");
  await page.getByLabel("Card number").pressSequentially(SECRET.card, { delay: 5 });
  await page.evaluate((secret) => {
    document.querySelector("#basket-reference").value = secret;
    document.querySelector("#delivery-note").setAttribute("title", secret);
    document.querySelector("#delivery-note").textContent = secret;
    const inside = document.createElement("p");
    inside.textContent = secret;
    inside.setAttribute("data-anything", secret);
    document.querySelector("#delivery-note").append(inside);
  }, SECRET.hidden);
  await page.evaluate(
    ([masked, shown]) => {
      const main = document.querySelector("main");
      const words = document.createElement("p");
      words.id = "words";
      words.textContent = masked;
      words.setAttribute("aria-label", masked);
      words.setAttribute("data-note", masked);
      main.append(words);
      const open = document.createElement("p");
      open.setAttribute("data-clerestory", "unmask");
      open.textContent = shown;
      main.append(open);
      getSelection().selectAllChildren(words);
      document.title = `${masked} title`;
      history.replaceState(null, "", `?note=${masked}#${masked}`);
    },
    [SECRET.selected, SHOWN],
  );
  await pause(500);
  await page.goto(`${info.shop}/account/index.html`);
  await waitForRecorder(page);
  await pause(1000);
  return { page, until: Date.now() };
}

function assertClean(found, where) {
  assert.deepEqual(found.slice(0, 10), [], `secrets were found in ${where}`);
}

/** One visit with a server of its own; resolves when the browser is closed and its log is whole. */
async function oneRun(t, bin, env = {}) {
  const { server, api, info } = await t.signedIn(bin ? { bin, env } : {});
  const log = path.join(output, `canary-wire-${bin ? "identity" : "sealed"}.json`);
  const browser = await t.browser(wireFlags(log));
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  const { until } = await visit(context, info);
  const recording = await onlyRecording(api);
  await capturedUntil(api, recording.id, until - 2_000);
  await browser.close();
  const requests = sentBytes(log).flatMap((bytes) => [...requestsIn(bytes)]);
  rmSync(log);
  // What the page asks of its own server is the page's business; what goes to ours is ours to keep clean.
  return {
    server,
    api,
    recording,
    requests: requests.filter((request) => request.host === new URL(info.console).host),
  };
}

export async function run(t) {
  const secrets = Object.values(SECRET);
  const sealed = await oneRun(t);
  const uploads = sealed.requests.filter((request) => request.method === "PUT");
  assert.ok(uploads.length > 0, "no segment was uploaded, so nothing was tested");
  let shownLeft = false;
  for (const { method, target, head, body } of sealed.requests) {
    const where = `${method} ${target}`;
    assertClean(scanBytes(Buffer.from(head), secrets, where), "the head of a request");
    assertClean(scanBytes(body, secrets, where), "a request");
    if (scanBytes(body, [SHOWN]).length > 0) shownLeft = true;
  }
  assert.ok(
    shownLeft,
    "the word that was shown on purpose is in no request, so the requests were not read right",
  );
  t.say(`${sealed.requests.length} requests searched, ${uploads.length} of them segments`);

  const events = JSON.stringify(await sealed.api.events(sealed.recording.id));
  assert.ok(events.includes(SHOWN), "the replay does not hold the word that was shown on purpose");
  assertClean(scanBytes(Buffer.from(events), secrets, "the replay"), "the replay");

  const onDisk = scanDirectory(sealed.server.place.root, [...secrets, SHOWN]);
  t.say(`${onDisk.files} files, ${onDisk.bytes} bytes searched`);
  assertClean(onDisk.found, "files or logs with sealing");
  await sealed.server.stop();
  const atRest = scanDirectory(sealed.server.place.root, [...secrets, SHOWN]);
  assertClean(atRest.found, "files or logs after the server ended");

  assert.ok(
    existsSync(identityBinary),
    `there is no binary with identity sealing at ${identityBinary}; build one (CLERESTORY_IDENTITY_BIN names it), for without it this story proves nothing`,
  );
  const open = await oneRun(t, identityBinary, { CLERESTORY_DANGEROUS_IDENTITY_SEALING: "1" });
  await open.server.stop();
  const plain = scanDirectory(open.server.place.root, [...secrets, SHOWN]);
  assert.ok(
    plain.found.some((hit) => hit.word === SHOWN && !hit.where.startsWith("server.log")),
    "with identity sealing the scanner does not find the word that was shown on purpose",
  );
  assertClean(
    plain.found.filter((hit) => hit.word !== SHOWN),
    "files or logs with identity sealing",
  );
  const log = readFileSync(open.server.place.log);
  assertClean(scanBytes(log, [...secrets, SHOWN], "the log"), "the log");
  t.say(`identity sealing: found ${plain.found.length} times, as it must be`);
}
