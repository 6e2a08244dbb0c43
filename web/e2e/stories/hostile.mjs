// Every hostile recording is imported and played while all names lead to a counting sink: nothing runs, no name is
// looked up, no connection is made, and the rest plays.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { inReplay, openPlayer, shareSession } from "../lib/console.mjs";
import { repository } from "../lib/paths.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "hostile";
const corpus = path.join(repository, "crates", "intake", "corpus", "hostile");

/** Takes every connection, counts it, and closes it. */
async function startSink() {
  const seen = [];
  const server = net.createServer((socket) => {
    socket.once("data", (bytes) => {
      seen.push(
        bytes
          .toString("latin1")
          .replace(/[^\x20-\x7e]+/g, " ")
          .slice(0, 200),
      );
      socket.destroy();
    });
    socket.on("error", () => undefined);
    seen.push("connection");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { seen, port: server.address().port, close: () => new Promise((resolve) => server.close(resolve)) };
}

async function proveTheSinkCounts(browser, sink) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto("http://control.example/").catch(() => undefined);
  await waitFor("the sink to see the control page", () => sink.seen.length > 0);
  await context.close();
  await pause(500);
  sink.seen.length = 0;
}

/** What Chromium asks for itself (sign-in, field types of any form it shows). The pack names none of these. */
const OWN_SERVICES = ["*.google.com", "*.googleapis.com", "*.gstatic.com", "*.gvt1.com"];

export async function run(t) {
  assert.ok(existsSync(corpus), `there is no hostile corpus at ${corpus}`);
  const sink = await startSink();
  const { api, info } = await t.signedIn();
  const site = await api.shopSite();
  // As open as a policy can be: what is harmless then is harmless.
  await api.changeRules(site.id, { unmask: ["*"], media: "allowed" });
  const own = OWN_SERVICES.map((name) => `MAP ${name} ~NOTFOUND`);
  const here = ["127.0.0.1", "localhost", "shop.localhost"].map((name) => `EXCLUDE ${name}`);
  const rules = [...own, `MAP * 127.0.0.1:${sink.port}`, ...here].join(", ");
  const browser = await t.browser([`--host-resolver-rules=${rules}`]);
  try {
    await proveTheSinkCounts(browser, sink);
    const owner = await browser.newContext({ viewport: { width: 1300, height: 850 } });
    await shareSession(owner, api, info);
    const page = await owner.newPage();
    let dialogs = 0;
    page.on("dialog", (dialog) => {
      dialogs += 1;
      void dialog.dismiss();
    });
    const wrong = [];
    for (const file of readdirSync(corpus)
      .filter((entry) => entry.endsWith(".json"))
      .sort()) {
      const hostile = JSON.parse(readFileSync(path.join(corpus, file), "utf8"));
      const problem = await playOne({ api, info, page, site, hostile }).catch((error) => error.message);
      await pause(400);
      const left = sink.seen.splice(0);
      if (problem) wrong.push(`${file}: ${problem}`);
      if (left.length > 0) wrong.push(`${file}: reached the sink: ${left.join(", ")}`);
      if (dialogs > 0) wrong.push(`${file}: a dialog was shown`);
      dialogs = 0;
    }
    assert.deepEqual(wrong, [], "hostile recordings had an effect");
  } finally {
    await sink.close();
  }
}

/** Resolves to what went wrong, in words, or to undefined. */
async function playOne({ api, info, page, site, hostile }) {
  const bring = () =>
    api.request("POST", `/sites/${site.id}/imports`, { body: JSON.stringify(hostile.events) });
  let answer = await bring();
  // The proof of who brings it counts for five minutes, and the story takes longer.
  if (answer.json?.type?.endsWith(":step-up-required")) {
    await api.prove();
    answer = await bring();
  }
  if (answer.status >= 400 && answer.status <= 499) {
    if (hostile.expect !== "refused") return `import answered ${answer.status}: ${answer.text.slice(0, 200)}`;
    return answer.json?.what_to_do ? undefined : "the refusal does not say what to do";
  }
  if (answer.status !== 201) return `import answered ${answer.status}: ${answer.text.slice(0, 200)}`;
  const events = JSON.stringify(await api.events(answer.json.recording));
  const left = (hostile.gone ?? []).filter((text) => events.includes(text));
  if (left.length > 0) return `the stored events still hold ${left.join(", ")}`;
  const lost = (hostile.kept ?? []).filter((text) => !events.includes(text));
  if (lost.length > 0) return `the stored events lost ${lost.join(", ")}`;
  await openPlayer(page, info, answer.json.recording);
  const told = await inReplay(page, info, (inner, frame) => {
    const every = [...inner.querySelectorAll("*")];
    const hasHandler = (element) =>
      element.getAttributeNames().some((attribute) => attribute.startsWith("on"));
    return {
      sandbox: frame.getAttribute("sandbox"),
      handlers: every.filter(hasHandler).length,
      elements: every.length,
      ran: [window, frame.contentWindow].some((scope) => "hacked" in scope || "pwned" in scope),
    };
  });
  if (told.sandbox === null || told.sandbox.includes("allow-scripts"))
    return `the frame may run scripts (${told.sandbox})`;
  if (told.handlers > 0) return `${told.handlers} elements have handlers`;
  if (told.ran) return "a script of the recording ran";
  // The capture API refuses some; an import may leave out what is wrong and take the rest, which must be harmless.
  if (hostile.expect !== "refused" && told.elements < 3) return "nothing of the rest was drawn";
  return undefined;
}
