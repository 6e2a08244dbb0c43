// The end of an organisation: one Admin proposes it and can only take it back, a second agrees to what they were shown.
// It closes first, and every page says so until somebody keeps it. Proposed to go at once, nobody is left to sign in,
// another organisation notices nothing, and whoever runs the server sees how far it is and has a receipt that is checked
// without the installation.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { shareSession } from "../lib/console.mjs";
import { pageEvents } from "../lib/events.mjs";
import { binary } from "../lib/paths.mjs";
import { comeIn, people, prove, signInAs, stranger } from "../lib/people.mjs";
import { takePictures } from "../lib/pictures.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "organisation-end";
export const limitMs = 5 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 } };
const PASSWORD = "clear glass above the aisle";
const PROPOSE = "Propose to erase the organisation";

function clerestory(...args) {
  const run = spawnSync(binary, args, { encoding: "utf8" });
  return { ok: run.status === 0, text: run.stdout + run.stderr };
}

export async function run(t) {
  // What lies in the ingest log leaves it within seconds here; a receipt waits for that.
  const { api, info, server } = await t.signedIn({ env: { CLERESTORY_SETTLE_AFTER: "4s" } });
  const [me] = people(info);
  const site = await api.shopSite();
  const bring = async () => {
    await api.prove();
    return api.request("POST", `/sites/${site.id}/imports`, { body: pageEvents("a page", { seconds: 5 }) });
  };
  assert.equal((await bring()).status, 201);
  const { organisation } = await api.get("/session");
  const browser = await t.browser();
  const errors = [];
  const newPage = async (prepare) => {
    const context = await browser.newContext(DESK);
    await prepare?.(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    return page;
  };
  const page = await newPage((context) => shareSession(context, api, info));
  const invited = { name: "Iris Vale", email: "iris@fernwick.example", role: "admin" };
  const { link } = await api.post("/people", invited);
  const other = await newPage();
  await comeIn(other, link, PASSWORD);

  await propose(t, page, { info, api });
  await agree(t, other, { info, verb: "Agree and close" });
  await closing(t, { page, other, info, api, bring });
  await proposeAtOnce(page, info);
  await agree(t, other, { info, verb: "Agree and erase" });
  await other.waitForURL(/\/sign-in/, { timeout: 20_000 });
  await takePictures(t, other, "signed-out");
  for (const theirs of [page, other]) {
    await theirs.goto(`${info.console}/recordings`);
    await theirs.waitForURL(/\/sign-in/);
  }
  await page.getByLabel("E-mail address").fill(me.email);
  await page.getByLabel("Password").fill(me.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();

  // Another organisation notices nothing.
  const noor = await newPage();
  await signInAs(noor, info, stranger(info));
  await noor.goto(`${info.console}/people`);
  await noor.getByRole("row", { name: /Noor Castellan/ }).waitFor();

  await receipt(t, { info, organisation: organisation.id, root: server.place.root });
  assert.deepEqual(errors, [], "the console threw");
}

/** One Admin: reads what it does, types the name, says why, and may only take it back. */
async function propose(t, page, { info, api }) {
  const dialog = page.getByRole("dialog");
  await page.goto(`${info.console}/settings/sites`);
  await page.getByRole("link", { name: "Organisation", exact: true }).click();
  await page.getByRole("heading", { name: "Erase the organisation" }).waitFor();
  await page.getByText("Two people. One proposes it").waitFor();
  await takePictures(t, page, "means");
  const write = async (typed, why) => {
    await dialog.getByLabel(/to confirm/).fill(typed);
    await dialog.getByLabel("Why, for whoever is to agree").fill(why);
  };
  const go = dialog.getByRole("button", { name: PROPOSE });
  await page.getByRole("button", { name: `${PROPOSE}…` }).click();
  await write("Harbour Clinic", "we close down");
  assert.ok(await go.isDisabled(), "another organisation's name is enough");
  await write("Fernwick Goods", " ");
  assert.ok(await go.isDisabled(), "no reason is given");
  await write("fernwick goods", "we close down");
  // Who they are was proven a moment ago, when the recording was brought in.
  await go.click();
  await dialog.getByText("1 recording and 4 accounts would go.").waitFor();
  await page.screenshot({ path: t.picture("proposed") });
  await dialog.getByRole("button", { name: "Close", exact: true }).click();
  const waits = page.getByRole("article", { name: "The whole organisation" });
  await waits.getByText(/Somebody else who may erase this agrees or refuses until/).waitFor();
  const offered = await waits.getByRole("button").allInnerTexts();
  assert.deepEqual(offered, ["Take it back…"], "one is enough");

  // Taken back, and proposed once more.
  await waits.getByRole("button", { name: "Take it back…" }).click();
  await dialog.getByRole("button", { name: "Take it back" }).click();
  await page.getByText(/What Tobias Rask proposed on .* was taken back by Tobias Rask\./).waitFor();
  assert.deepEqual((await api.get("/erasures")).items, [], "it was erased in spite of that");
  await page.getByRole("button", { name: `${PROPOSE}…` }).click();
  await write("Fernwick Goods", "we close down after all");
  await go.click();
  await dialog.getByRole("button", { name: "Close", exact: true }).click();
  await takePictures(t, page, "waits");
}

/** Agreed to, it closes: everybody keeps their account and is told, nothing new comes in, and one is enough to keep it. */
async function closing(t, { page, other, info, api, bring }) {
  const dialog = page.getByRole("dialog").or(page.getByRole("alertdialog"));
  const banner = (on) => on.getByText(/This organisation is closing\./);
  await banner(other).waitFor();
  await page.goto(`${info.console}/my-data`);
  await banner(page).waitFor();
  await takePictures(t, page, "closing");
  const refused = await bring();
  assert.equal(refused.status, 403, refused.text);
  assert.match(refused.json.type, /:organisation-closing$/);
  assert.deepEqual((await api.get("/erasures")).items, [], "it was erased before its day");
  await page.getByRole("link", { name: "Keep it…" }).click();
  const waits = page.getByRole("article", { name: "The whole organisation" });
  await waits.getByText(/Iris Vale agreed\. It is closing/).waitFor();
  await waits.getByRole("button", { name: "Keep the organisation…" }).click();
  await dialog.getByRole("button", { name: "Keep the organisation" }).click();
  await banner(page).waitFor({ state: "detached" });
  await waitFor("what is brought in to be taken again", async () => (await bring()).status === 201);
}

/** Proposed once more, to go as soon as somebody agrees. */
async function proposeAtOnce(page, info) {
  const dialog = page.getByRole("dialog");
  await page.goto(`${info.console}/settings/organisation`);
  await page.getByRole("button", { name: `${PROPOSE}…` }).click();
  await dialog.getByLabel(/to confirm/).fill("Fernwick Goods");
  await dialog.getByLabel("Why, for whoever is to agree").fill("there is nobody left here");
  await dialog.getByText("It is erased at once").click();
  await dialog.getByRole("button", { name: PROPOSE }).click();
  await dialog.getByText("2 recordings and 4 accounts would go.").waitFor();
  await dialog.getByRole("button", { name: "Close", exact: true }).click();
}

/** A second Admin is led to it, reads what would go and why, and agrees. */
async function agree(t, page, { info, verb }) {
  const dialog = page.getByRole("dialog").or(page.getByRole("alertdialog"));
  await page.goto(`${info.console}/trust/overview`);
  const line = page.getByRole("listitem").filter({ hasText: "1 erasure waits for you." });
  await takePictures(t, page, "overview");
  await line.getByRole("link", { name: "Receipts" }).click();
  const waits = page.getByRole("article", { name: "The whole organisation" });
  await waits.getByText(/[12] recordings? and 4 accounts/).waitFor();
  await waits.getByText(/“(we close down after all|there is nobody left here)”/).waitFor();
  await waits.getByText(/You may agree or refuse until/).waitFor();
  await takePictures(t, page, verb.replaceAll(" ", "-").toLowerCase());
  await waits.getByRole("button", { name: `${verb}…` }).click();
  await dialog.getByRole("button", { name: verb }).click();
  if (verb === "Agree and close") await prove(dialog, PASSWORD, verb);
}

/** Whoever runs the server sees how far it is, until there is a receipt; it is checked from its file alone. */
async function receipt(t, { info, organisation, root }) {
  const told = () => clerestory("admin", "erasures", "--data", info.data, "--organisation", organisation);
  const first = told();
  assert.ok(first.ok, first.text);
  assert.match(first.text, /: organisation, (purge_queued|shredded|verified), asked for at/);
  const seen = new Set();
  const last = await waitFor(
    "the receipt",
    () => {
      const { text } = told();
      seen.add(/: organisation, (\w+)/.exec(text)?.[1]);
      return text.includes("unreadable_in_every_copy_since") || text.includes('"signature"') ? text : null;
    },
    { timeoutMs: 120_000, everyMs: 1000 },
  );
  t.say(`it was ${[...seen].join(", then ")}`);
  const key = /Receipts are signed with (\S+)/.exec(last)?.[1];
  const line = last.split("\n").find((one) => one.includes('"signature"'));
  const file = path.join(root, "receipt.json");
  writeFileSync(file, line);
  // Without the installation: nothing names where that lies.
  const good = clerestory("verify", "receipt", file, "--key", key);
  assert.ok(good.ok, good.text);
  assert.match(good.text, new RegExp(`Erased: organisation ${organisation}`));
  assert.match(good.text, /It was signed with the key that you trust\./);
  const altered = JSON.parse(line);
  altered.text = altered.text.replace(
    organisation,
    organisation.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
  );
  writeFileSync(file, JSON.stringify(altered));
  const bad = clerestory("verify", "receipt", file, "--key", key);
  assert.ok(!bad.ok && bad.text.includes("WRONG"), bad.text);
  const another = clerestory("verify", "receipt", file, "--key", Buffer.alloc(32, 7).toString("base64"));
  assert.ok(!another.ok, "a receipt of another key is believed");
}
