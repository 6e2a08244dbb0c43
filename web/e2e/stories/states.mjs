// What the console shows where things do not go well: nothing there, not loaded yet, refused, failed, signed out, asked
// too often. Answers that a healthy server does not give are put in its place by the browser. Nothing complains, and axe
// finds nothing, in light and dark and on a phone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "states";
export const limitMs = 5 * 60_000;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENS = {
  light: { viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light" },
};

/** An answer that says no, as the server words it. */
const problem = (status, slug, title, more = {}, headers = {}) => ({
  status,
  headers: { "content-type": "application/problem+json", ...headers },
  body: JSON.stringify({
    type: `urn:clerestory:problem:${slug}`,
    title,
    status,
    detail: `${title}.`,
    what_to_do: "Ask an administrator.",
    request_id: "req_0123456789abcdef",
    ...more,
  }),
});
const empty = { json: { items: [], next_cursor: null, entry: 1 } };
const BUSY = problem(503, "busy", "The server is busy", {}, { "retry-after": "7" });
const SHUT = problem(403, "not-allowed", "You may not do this", { rule: "matrix", entry: 18207 });
const OFTEN = problem(429, "too-many-attempts", "Too many attempts", {}, { "retry-after": "20" });
const BROKEN = { checked: 71, intact: false, first_break: 72, head: { number: 90, hash: "00".repeat(32) } };

/** Name, where, what is answered in place of the server, what the page says then, and what is done before. */
const STATES = [
  {
    title: "empty",
    at: "/recordings",
    ask: "/recordings?",
    answer: empty,
    says: "Nothing has been recorded",
  },
  {
    title: "failed",
    at: "/recordings",
    ask: "/recordings?",
    answer: BUSY,
    says: /could not be read.*in \d s/s,
  },
  {
    title: "refused",
    at: "/recordings",
    ask: "/recordings?",
    answer: SHUT,
    says: /entry 18,207.*rule matrix/s,
  },
  { title: "loading", at: "/recordings", ask: "/recordings?", answer: null, says: "The list is loading" },
  { title: "gone", at: "/settings/sites/sit_none", says: "There is nothing here" },
  { title: "nowhere", at: "/nowhere", says: "There is nothing here" },
  { title: "no-match", at: "/recordings?last=1h&longer=15m&watched=yes", says: "No recording matches" },
  { title: "keys", at: "/recordings", press: "?", says: "Next and previous recording" },
  { title: "jump", at: "/recordings", press: "/", says: "Who watched" },
  {
    title: "chain",
    at: "/trust/audit",
    ask: "/audit/verify",
    answer: { json: BROKEN },
    click: "Check the chain",
    says: "breaks at entry 72",
  },
  {
    title: "no-receipts",
    at: "/trust/receipts",
    ask: "/erasures?",
    answer: empty,
    says: "Nothing has been erased",
  },
  {
    title: "queue-failed",
    at: "/recordings/review",
    ask: "/reviews?",
    answer: BUSY,
    says: /The queue could not be read/,
  },
  {
    title: "playlists-failed",
    at: "/recordings/playlists",
    ask: "/playlists?",
    answer: BUSY,
    says: /The playlists could not be read/,
  },
  { title: "playlist-gone", at: "/recordings/playlists/pll_none", says: "There is nothing here" },
  {
    title: "health",
    at: "/settings/health",
    ask: "/health/findings",
    answer: BUSY,
    says: /could not be read/,
  },
];

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext();
  await visitShop(visitor, info);
  await pause(1500);
  await visitor.close();
  const wrong = [];
  for (const [screen, options] of Object.entries(SCREENS)) {
    const context = await browser.newContext({ ...options, reducedMotion: "reduce" });
    await door(t, await context.newPage(), { info, screen, wrong });
    await context.clearCookies();
    await shareSession(context, api, info);
    for (const state of STATES) await show(t, context, { info, screen, state, wrong });
    await context.close();
  }
  assert.deepEqual(wrong, [], "states of the console that are not as they should be");
  await places(await (await browser.newContext(SCREENS.light)).newPage(), info);
}

/** What is wrong with a page as it stands. */
async function check(page, where, wrong) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  for (const { id, nodes } of violations) wrong.push(`${where}: ${id}, ${nodes[0].html.slice(0, 160)}`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 1) wrong.push(`${where}: ${over} px wider than the screen`);
}

/** Every thrown error and complaint of the browser, but for the statuses that the state is about. */
function listen(page, where, wrong) {
  page.on("pageerror", (error) => wrong.push(`${where}: ${error.message}`));
  page.on("console", (message) => {
    const expected = /Failed to load resource.*status of (401|403|404|429|503)/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !expected) wrong.push(`${where}: ${message.text()}`);
  });
}

/** Whether the page says so within a few seconds. */
async function says(page, words, where, wrong) {
  const said = async () => {
    const text = await page.locator("body").innerText();
    return typeof words === "string" ? text.includes(words) : words.test(text);
  };
  await waitFor(`${where} to say ${words}`, said).catch((error) => wrong.push(error.message));
}

async function show(t, context, { info, screen, state, wrong }) {
  const where = `${state.title} ${screen}`;
  const page = await context.newPage();
  listen(page, where, wrong);
  if (state.ask) {
    // Without an answer it is still on its way.
    const give = (route) => (state.answer === null ? undefined : route.fulfill(state.answer));
    await page.route((url) => `${url.pathname}${url.search || "?"}`.startsWith(`/api/v1${state.ask}`), give);
  }
  await page.goto(`${info.console}${state.at}`);
  await page.getByRole("main").waitFor();
  if (state.press) {
    await page.getByRole("link", { name: /shop/i }).first().waitFor();
    await page.keyboard.press(state.press);
  }
  if (state.click) await page.getByRole("button", { name: state.click }).click();
  await says(page, state.says, where, wrong);
  await check(page, where, wrong);
  await page.screenshot({ path: t.picture(where.replace(" ", "-")) });
  await page.close();
}

/** At the door: a wrong password, too many of them, and a link that was used. */
async function door(t, page, { info, screen, wrong }) {
  const [me] = people(info);
  const give = async () => {
    await page.getByLabel("E-mail address").fill(me.email);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  listen(page, `door ${screen}`, wrong);
  await page.goto(`${info.console}/trust/audit?outcome=refused`);
  await says(page, "You come back to where you were.", `door ${screen}`, wrong);
  await give();
  await says(page, /do not belong together/, `wrong password ${screen}`, wrong);
  await check(page, `wrong password ${screen}`, wrong);
  await page.route("**/api/v1/session", (route) =>
    route.request().method() === "POST" ? route.fulfill(OFTEN) : route.continue(),
  );
  await give();
  await says(page, /Again in \d+ s/, `too often ${screen}`, wrong);
  await check(page, `too often ${screen}`, wrong);
  await page.screenshot({ path: t.picture(`door-${screen}`) });
  await page.goto(`${info.sign_in}`);
  await says(page, /has been used|does not work/, `used link ${screen}`, wrong);
  await check(page, `used link ${screen}`, wrong);
  await page.close();
}

/** Ways through the console: back to where one was, by keys, and never away from it. */
async function places(page, info) {
  const [me] = people(info);
  const at = (wanted) => page.waitForURL((url) => wanted.test(url.pathname + url.search));
  await page.goto(`${info.console}/trust/audit?outcome=refused`);
  await at(/^\/sign-in\?next=/);
  await page.getByLabel("E-mail address").fill(me.email);
  await page.getByLabel("Password").fill(me.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await at(/^\/trust\/audit\?outcome=refused$/);
  await page.getByRole("heading", { name: "Audit" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await at(/^\/recordings$/);
  await page.locator("a[data-row]").first().waitFor();
  await ridesOnItsEntry(page);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await at(/^\/recordings\/rec_/);
  await page.context().clearCookies();
  // A session that ended leads to the door; what an address names as the way back stays within the console.
  await page.goto(`${info.console}/recordings`);
  await at(/^\/sign-in\?next=/);
  await page.goto(`${info.console}/sign-in?next=//elsewhere.example/`);
  await page.getByLabel("E-mail address").fill(me.email);
  await page.getByLabel("Password").fill(me.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
  assert.equal(new URL(page.url()).origin, info.console, "the address led away");
}

/** A list that lies open refreshes itself and leaves no entries. */
async function ridesOnItsEntry(page) {
  const head = () =>
    page.evaluate(async () => (await (await fetch("/api/v1/audit?limit=1")).json()).head.number);
  const before = await head();
  let asked = 0;
  const count = (request) => {
    const url = new URL(request.url());
    if (url.pathname === "/api/v1/recordings" && url.searchParams.has("continues")) asked += 1;
  };
  page.on("request", count);
  await waitFor("the list to be refreshed", () => asked >= 4, { timeoutMs: 15_000 });
  page.off("request", count);
  // The one entry is that of reading the log just now.
  assert.equal(await head(), before + 1, "refreshing the list left entries");
}
