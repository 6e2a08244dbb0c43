/**
 * Opens every page of the built console in Chromium, against the mock, in light, dark and on a phone, with its
 * states; runs axe on each and fails on a finding, on anything the browser complains about (the content policy,
 * Trusted Types, errors) and on sideways scrolling. For development: `npm run check -w @clerestory/console`.
 *
 *   node dev/check.mjs [folder for pictures] [folder of the built console]
 */
import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const pictures = process.argv[2] || null;
const built = process.argv.slice(3, 4);
const port = 8790 + Math.floor(Math.random() * 200) + 100;
const base = `http://localhost:${port}`;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const flags =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

const NOTHING_FORCED = {
  recordings: null,
  audit: null,
  receipts: null,
  erasures: null,
  mine: null,
  requests: null,
  stepUp: null,
};
const press = (key) => (page) => page.keyboard.press(key);
const click = (name) => (page) => page.getByRole("button", { name }).first().click();
const state = (forced) => (page) => page.request.post(`${base}/__mock`, { data: forced });

/** name, path, and: who, what to force before, what to do after, messages that are part of the state. */
const visits = [
  { name: "sign-in", path: "/sign-in", who: null },
  {
    name: "sign-in-wrong",
    path: "/sign-in",
    who: null,
    steps: [signIn("wrong")],
    expect: /E-mail address or password/,
    complains: /401/,
  },
  {
    name: "sign-in-throttled",
    path: "/sign-in",
    who: null,
    steps: [signIn("slow down")],
    expect: /Again in \d+ s/,
    complains: /429/,
  },
  {
    name: "sign-in-link-used",
    path: "/sign-in#token=used-used-used-used",
    who: null,
    expect: /has been used/,
    complains: /401/,
  },
  {
    name: "signed-out-keeps-place",
    path: "/trust/audit?outcome=refused",
    who: null,
    expect: /You come back/,
    complains: /401/,
  },
  { name: "recordings", path: "/recordings", expect: /Live now|Follow/ },
  {
    name: "recordings-keys",
    path: "/recordings",
    steps: [press("?")],
    expect: /Next and previous recording/,
  },
  { name: "recordings-jump", path: "/recordings", steps: [press("/"), settle(900)], expect: /Who watched/ },
  {
    name: "recordings-peek",
    path: "/recordings",
    steps: [press("j"), press(" ")],
    wide: true,
    expect: /Nothing was opened/,
  },
  {
    name: "recordings-account",
    path: "/recordings",
    steps: [click(/your account/)],
    expect: /Sign out everywhere/,
  },
  {
    name: "recordings-narrow",
    path: "/recordings?last=1h&longer=15m&watched=yes",
    expect: /No recording matches/,
  },
  {
    name: "recordings-empty",
    path: "/recordings",
    before: state({ recordings: "empty" }),
    expect: /Nothing has been recorded/,
  },
  {
    name: "recordings-failed",
    path: "/recordings",
    before: state({ recordings: "failed" }),
    expect: /The list could not be read/,
    complains: /503/,
    wait: 2500,
  },
  {
    name: "recordings-refused",
    path: "/recordings",
    before: state({ recordings: "refused" }),
    expect: /entry 18,207/,
    complains: /403/,
  },
  {
    name: "recordings-loading",
    path: "/recordings",
    before: state({ recordings: "slow" }),
    expect: /The list is loading/,
  },
  { name: "who-watched", path: "/trust/watched", expect: /support ticket/ },
  { name: "audit", path: "/trust/audit", expect: /recording list/ },
  { name: "audit-refused", path: "/trust/audit?outcome=refused", expect: /recording play/ },
  { name: "audit-entry", path: "/trust/audit?entry=116", expect: /Hash of the entry before/ },
  { name: "audit-older-entry", path: "/trust/audit?entry=7", expect: /Hash of this entry/ },
  {
    name: "audit-whole",
    path: "/trust/audit",
    steps: [click("Check the chain")],
    expect: /Each follows from the one\s+before/,
  },
  {
    name: "audit-broken",
    path: "/trust/audit",
    before: state({ audit: "broken" }),
    steps: [click("Check the chain")],
    expect: /breaks at entry 72/,
  },
  { name: "receipts", path: "/trust/receipts", expect: /gone from every copy/ },
  {
    name: "receipts-open",
    path: "/trust/receipts",
    steps: [click(/A part of a recording/), settle(400)],
    expect: /This browser checked the signature/,
  },
  {
    name: "receipts-waits",
    path: "/trust/receipts",
    steps: [click(/A recording, asked/), settle(400)],
    expect: /It waits\./,
  },
  {
    name: "receipts-empty",
    path: "/trust/receipts",
    before: state({ erasures: "empty" }),
    expect: /Nothing has been erased/,
  },
  {
    name: "receipts-refused",
    path: "/trust/receipts",
    before: state({ erasures: "refused" }),
    expect: /entry 18,207/,
    complains: /403/,
  },
  {
    name: "erase-part",
    path: "/recordings/RECORDING",
    wait: 2500,
    steps: [click("Erase…"), settle(300), (page) => page.getByText("A part of it").click()],
    expect: /Keep it/,
    complains: /404/,
  },
  {
    name: "erase-all",
    path: "/recordings/RECORDING",
    wait: 2500,
    steps: [
      click("Erase…"),
      settle(300),
      (page) =>
        page
          .getByText(/^Everything about/)
          .first()
          .click(),
    ],
    expect: /to confirm/,
    complains: /404/,
  },
  {
    name: "erase-proves",
    path: "/recordings/RECORDING",
    before: state({ stepUp: "asked" }),
    wait: 2500,
    steps: [click("Erase…"), settle(300), click("Erase this recording"), settle(500)],
    expect: /Your password/,
    complains: /403|404/,
  },
  { name: "my-data", path: "/my-data", expect: /is watching you, now/ },
  {
    name: "my-data-nothing",
    path: "/my-data",
    before: state({ mine: "empty" }),
    expect: /Nobody has looked at what shows you/,
  },
  {
    name: "my-data-ask",
    path: "/my-data",
    steps: [click("Have it erased"), settle(300)],
    expect: /Anything to say about it/,
  },
  {
    name: "my-data-asked",
    path: "/my-data",
    steps: [click("See what is held"), settle(300), click("Ask"), settle(600)],
    expect: /Save it, until/,
  },
  { name: "requests", path: "/trust/requests", expect: /1 request was to be answered by now/ },
  {
    name: "requests-open",
    path: "/trust/requests",
    steps: [click(/To have it as a file/), settle(300)],
    expect: /What they are told/,
  },
  {
    name: "requests-held",
    path: "/trust/requests",
    steps: [click(/To be erased/), settle(300)],
    expect: /Follow the erasure/,
  },
  {
    name: "requests-enter",
    path: "/trust/requests",
    steps: [click("Enter one"), settle(300)],
    expect: /How it came/,
  },
  {
    name: "requests-empty",
    path: "/trust/requests",
    before: state({ requests: "empty" }),
    expect: /Nobody has asked/,
  },
  { name: "sites", path: "/settings/sites", expect: /Order desk/ },
  {
    name: "sites-create",
    path: "/settings/sites",
    steps: [click("Create a site")],
    expect: /Allowed origins/,
  },
  { name: "site-waiting", path: "/settings/sites/NEW", expect: /Waiting for your first event/ },
  {
    name: "site-rotate",
    path: "/settings/sites/NEW",
    steps: [click("Replace the key…")],
    expect: /Keep the key/,
  },
  { name: "site-received", path: "/settings/sites/NEW", wait: 8500, expect: /What lies on disk/ },
  {
    name: "policy",
    path: "/settings/sites/OLD/policy?page=%2Fnowhere",
    wait: 5500,
    expect: /The page does not answer/,
    complains: /404/,
  },
  {
    name: "policy-sign",
    path: "/settings/sites/OLD/policy?page=%2Fnowhere",
    steps: [click("Remove: Exclude #card-form"), settle(900), click(/Review and sign/)],
    expect: /Looser/,
    complains: /404/,
  },
  { name: "health", path: "/settings/health", expect: /needs somebody/ },
  { name: "sessions", path: "/settings/sessions", expect: /this browser/ },
  { name: "not-found", path: "/settings/sites/sit_none", expect: /There is nothing here/, complains: /404/ },
  { name: "no-such-page", path: "/nowhere", expect: /There is nothing here/ },
];

function signIn(password) {
  return async (page) => {
    await page.getByLabel("E-mail address").fill("mirel@fernwick.example");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
}

function settle(ms) {
  return (page) => page.waitForTimeout(ms);
}

const screens = {
  light: { viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
};

const failures = [];
const fail = (where, what) => {
  failures.push(`${where}: ${what}`);
  console.log(`  ${where}: ${what}`);
};

async function axeFindings(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Runtime.evaluate", { expression: axe });
  const { result } = await cdp.send("Runtime.evaluate", {
    expression:
      "axe.run(document,{resultTypes:['violations']}).then(r=>JSON.stringify(r.violations.map(v=>v.id+' '+v.nodes.slice(0,3).map(n=>n.target.join(' ')).join(', '))))",
    awaitPromise: true,
    returnByValue: true,
  });
  if (typeof result.value !== "string") return ["axe did not run"];
  return JSON.parse(result.value);
}

/** Whether the page says it within six seconds: other work on the machine is no finding. */
async function says(page, wanted) {
  for (let n = 0; n < 60; n += 1) {
    if (wanted.test(await page.locator("body").innerText())) return true;
    await page.waitForTimeout(100);
  }
  return false;
}

async function visit(context, screen, one) {
  const where = `${one.name} ${screen}`;
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.push(message.text());
  });
  page.on("pageerror", (error) => said.push(error.message));
  await state(NOTHING_FORCED)(page);
  await context.clearCookies();
  let path = one.path;
  if (one.who !== null) {
    const headers = { "Clerestory-Csrf": "1" };
    await page.request.post(`${base}/api/v1/session`, {
      data: { email: "mirel@fernwick.example", password: "x" },
      headers,
    });
    const sites = await (await page.request.get(`${base}/api/v1/sites`)).json();
    path = path.replace("OLD", sites.items[0].id);
    if (path.includes("RECORDING")) {
      const list = await (await page.request.get(`${base}/api/v1/recordings?state=active`)).json();
      path = path.replace("RECORDING", list.items[0].id);
    }
    if (path.includes("NEW")) {
      const data = { name: "Winter shop", origins: ["https://winter.example"] };
      const made = await (await page.request.post(`${base}/api/v1/sites`, { data, headers })).json();
      path = path.replace("NEW", made.id);
    }
  }
  await one.before?.(page);
  await page.goto(base + path);
  await page.waitForTimeout(one.wait ?? 700);
  for (const step of one.steps ?? []) {
    await step(page);
    await page.waitForTimeout(250);
  }
  if (one.expect && !(await says(page, one.expect))) fail(where, `does not say ${one.expect}`);
  for (const text of said) if (!one.complains?.test(text)) fail(where, `browser: ${text.slice(0, 200)}`);
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (over > 0) fail(where, `scrolls sideways by ${over} px`);
  for (const finding of await axeFindings(page)) fail(where, `axe: ${finding}`);
  if (pictures) await page.screenshot({ path: join(pictures, `${one.name}-${screen}.png`) });
  await page.close();
}

/** How much of the list lies outside its cell: sheets of other pages stay loaded, and must not touch it. */
function cellsAstray(page) {
  return page.evaluate(() => {
    const start = (element) => element.getBoundingClientRect().left;
    const cells = [...document.querySelectorAll("[data-row] > *")];
    return cells.flatMap((cell) =>
      [...cell.querySelectorAll("*:not(.vh)")].filter((x) => start(x) < start(cell) - 1),
    ).length;
  });
}

/** A list that lies open refreshes itself and leaves no entries; the next page of it leaves one. */
async function listRidesOnItsEntry(page) {
  const asked = [];
  const note = (request) => {
    const url = new URL(request.url());
    if (url.pathname === "/api/v1/recordings") asked.push(url.searchParams.has("continues"));
  };
  const head = async () =>
    (await (await page.request.get(`${base}/api/v1/audit?limit=1`)).json()).head.number;
  await page.waitForTimeout(500);
  const before = await head();
  page.on("request", note);
  await page.waitForTimeout(5000);
  if (asked.length < 4) fail("journey", `the open list was refreshed ${asked.length} times in 5 s, not 4`);
  if (asked.includes(false)) fail("journey", "a refresh of the list did not name its entry");
  if ((await head()) !== before) fail("journey", "refreshing the list left entries");
  await page.getByRole("button", { name: "Show older ones" }).click();
  await page.waitForTimeout(1500);
  if ((await head()) !== before + 1) fail("journey", "the second page of the list left not one entry");
  page.off("request", note);
}

/** Journeys over several pages. Each ends with an address or throws. */
async function journeys(context) {
  const page = await context.newPage();
  const at = async (wanted, what) => {
    await page.waitForURL((url) => wanted.test(url.pathname + url.search), { timeout: 8000 }).catch(() => {});
    const { pathname, search } = new URL(page.url());
    if (!wanted.test(pathname + search)) fail("journey", `${what}: stands at ${pathname}${search}`);
  };
  await context.clearCookies();
  await state(NOTHING_FORCED)(page);
  await page.goto(`${base}/trust/audit?outcome=refused`);
  await at(/^\/sign-in\?next=/, "asked to sign in");
  await signIn("right")(page);
  await at(/^\/trust\/audit\?outcome=refused$/, "back where one was");
  await page.waitForSelector("[data-row]");
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await at(/^\/recordings$/, "G R leads to Recordings");
  await page.waitForSelector(".recs [data-row]");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await at(/^\/recordings\/rec_/, "Enter opens the row");
  await page.goBack();
  await page.waitForSelector(".recs [data-row]");
  if (await cellsAstray(page)) fail("journey", "the sheets of the player move the cells of the list");
  await page.goto(`${base}/recordings?last=7d`);
  await page.waitForSelector(".recs [data-row]");
  await listRidesOnItsEntry(page);
  await context.clearCookies();
  await at(/^\/sign-in\?next=/, "a session that ended leads to the door");
  await page.goto(`${base}/sign-in#token=abcdefghijklmnopqrst`);
  await at(/^\/recordings$/, "a link signs in");
  await page.getByRole("button", { name: /your account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out everywhere…" }).click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await at(/^\/sign-in$/, "signed out everywhere");
  await page.goto(`${base}/sign-in?next=//elsewhere.example/`);
  await signIn("right")(page);
  await page.waitForTimeout(1500);
  if (new URL(page.url()).origin !== base) fail("journey", `led away to ${page.url()}`);
  await page.close();
}

const mock = spawn(process.execPath, [join(import.meta.dirname, "mock.mjs"), String(port), ...built], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  await new Promise((ready, gone) => {
    mock.stdout.once("data", ready);
    mock.once("exit", () => gone(new Error("The mock did not start.")));
  });
  if (pictures) await mkdir(pictures, { recursive: true });
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags.split(" ") });
  const walker = await browser.newContext(screens.light);
  await journeys(walker);
  await walker.close();
  console.log("journeys walked");
  for (const [screen, options] of Object.entries(screens)) {
    const context = await browser.newContext({ ...options, reducedMotion: "reduce" });
    for (const one of visits) if (!(one.wide && screen === "phone")) await visit(context, screen, one);
    await context.close();
    console.log(`${screen}: ${visits.length} pages and states opened`);
  }
  await browser.close();
} finally {
  mock.kill();
}
console.log(failures.length === 0 ? "Nothing found." : `${failures.length} findings.`);
process.exitCode = failures.length === 0 ? 0 : 1;
