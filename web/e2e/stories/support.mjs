// Somebody from outside is let in, watches, is seen while they do, is shown out, and is refused from then on.
import assert from "node:assert/strict";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "support";
export const limitMs = 4 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 } };
const PASSWORD = "clear glass above the aisle";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext();
  const shop = await visitShop(visitor, info);
  await pause(1500);
  const { id } = await onlyRecording(api);
  // What goes on is lent to nobody: the visit is stopped.
  await shop.evaluate(() => window.clerestory.stop({ flush: true }));
  const over = async () => (await api.get(`/recordings/${id}`)).state === "active";
  await waitFor("the visit to be over", over, { timeoutMs: 30_000 });
  await visitor.close();
  const [me] = people(info);
  const owner = await browser.newContext(DESK);
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  // Nobody is in. Somebody is let in, once the Admin has proven who they are.
  await page.goto(`${info.console}/trust/support`);
  await page.getByRole("heading", { name: "Nobody from outside is in, and nobody was" }).waitFor();
  await page.getByRole("button", { name: "Let somebody in…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Their name").fill("Rae Lindqvist");
  await dialog.getByLabel("Their e-mail address").fill("rae@outside.example");
  await dialog.getByLabel("Why").fill("ticket 4711");
  for (const box of await dialog.getByRole("checkbox").all()) await box.uncheck();
  await dialog.getByRole("button", { name: "Let them in" }).click();
  await dialog.getByText("Choose at least one right.").waitFor();
  for (const right of ["recording.list", "recording.read", "recording.play"]) {
    await dialog.getByLabel(new RegExp(right.replace(".", "\\."))).check();
  }
  await page.screenshot({ path: t.picture("let-in") });
  await dialog.getByRole("button", { name: "Let them in" }).click();
  await dialog.getByLabel("Your password, or a code of your app").fill(me.password);
  await dialog.getByRole("button", { name: "Let them in" }).click();
  const shown = page.getByRole("alertdialog");
  await shown.getByRole("heading", { name: "They are let in" }).waitFor();
  const link = await shown.locator("code").first().innerText();
  await shown.getByRole("button", { name: "Done" }).click();
  await page.getByText("They have not come yet.").waitFor();

  // They come, are told what is recorded of them, and watch.
  const outside = await browser.newContext(DESK);
  const theirs = await outside.newPage();
  theirs.on("pageerror", (error) => errors.push(error.message));
  await theirs.goto(link);
  await theirs.getByLabel("Password").fill(PASSWORD);
  await theirs.getByLabel("The same once more").fill(PASSWORD);
  await theirs.getByRole("button", { name: "Set it and come in" }).click();
  await theirs.getByText(/What you do is recorded, and shown to/).waitFor();
  await theirs.screenshot({ path: t.picture("theirs") });
  await openPlayer(theirs, info, id, { atMs: 0 });

  // It is seen while they do it, on the page and above every other.
  const acts = page.getByRole("region", { name: "What Rae Lindqvist did" });
  await acts.getByText("recording play").first().waitFor({ timeout: 15_000 });
  await page.screenshot({ path: t.picture("seen") });
  await page.goto(`${info.console}/people`);
  await page.getByText("is let in from outside until").waitFor();
  await page.getByText("Support, from outside").first().waitFor();
  await page.setViewportSize(PHONE.viewport);
  await page.screenshot({ path: t.picture("phone") });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "the page is wider than a phone");
  await page.setViewportSize(DESK.viewport);

  // Shown out by one press; from then on everything is refused.
  await page.getByRole("button", { name: "End it now: Rae Lindqvist" }).click();
  await page.getByText("is let in from outside until").waitFor({ state: "detached" });
  await theirs.goto(`${info.console}/recordings`);
  await theirs
    .getByText(/may not|not allowed|Refused|refused/i)
    .first()
    .waitFor();
  await theirs.screenshot({ path: t.picture("refused") });
  await page.goto(`${info.console}/trust/support`);
  await page.getByText(/ended by/).waitFor();
  const listed = await api.get("/support-grants");
  assert.deepEqual(
    listed.items.map((item) => item.running),
    [false],
  );
  assert.deepEqual(errors, []);
}
