// The recycle bin: a recording is deleted from the list and comes back by Undo; from the player, and comes back from
// the bin; how long it can be restored is shown, as the organisation's settings say it; and what lies in the bin can be
// erased at once.
import assert from "node:assert/strict";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { takePictures } from "../lib/pictures.mjs";
import { visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "bin";

async function visit(browser, info) {
  const visitor = await browser.newContext({ viewport: { width: 1000, height: 720 } });
  const shop = await visitShop(visitor, info);
  for (let n = 0; n < 3; n += 1) {
    await pause(1200);
    await shop.mouse.wheel(0, 300);
  }
  await pause(1500);
  await visitor.close();
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  await visit(browser, info);
  await visit(browser, info);
  const [kept, other] = await waitFor("both visits to be listed", async () => {
    const items = await api.recordings();
    return items.length === 2 && items.every((item) => item.segments > 0) ? items : null;
  });
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const listed = async () => (await api.recordings()).map((item) => item.id).sort();
  const both = [kept.id, other.id].sort();
  const row = (id) => page.locator(`a[data-row="${id}"]`);

  await page.goto(`${info.console}/recordings/bin`);
  await page.getByRole("heading", { name: "The recycle bin is empty" }).waitFor();
  await page.getByText("lies here for one month").waitFor();
  await takePictures(t, page, "empty");

  // From the list, and back by the key.
  await page.goto(`${info.console}/recordings`);
  await row(kept.id).hover();
  await page
    .locator("li", { has: row(kept.id) })
    .getByRole("button", { name: /^Delete the/ })
    .click();
  await page.getByText(/is in the recycle bin until/).waitFor();
  await row(kept.id).waitFor({ state: "detached" });
  await page.screenshot({ path: t.picture("undo") });
  assert.deepEqual(await listed(), [other.id], "it was not deleted");
  await page.keyboard.press("z");
  await row(kept.id).waitFor();
  await page.getByText(/is back, as it was/).waitFor();
  assert.deepEqual(await listed(), both, "Undo did not restore it");

  // From the player: the list it was in follows, and its address says where it is.
  await openPlayer(page, info, kept.id);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForURL(/\/recordings$/);
  await page.getByRole("button", { name: "Take this away" }).click();
  await page.goto(`${info.console}/recordings/${kept.id}`);
  await page.getByRole("heading", { name: "It was deleted" }).waitFor();
  await page.getByRole("link", { name: "See it in the recycle bin" }).click();
  await page.getByText("From then on it is erased for good.").waitFor();
  assert.ok(daysLeft(await left(page)) >= 27, "a calendar month is longer than that");
  await takePictures(t, page, "bin");
  await page.getByRole("button", { name: /^Restore the recording/ }).click();
  await page.getByRole("heading", { name: "The recycle bin is empty" }).waitFor();
  assert.deepEqual(await listed(), both, "the bin did not restore it");

  // Where the organisation says another time, it holds for what is deleted from then on.
  const [{ password }] = people(info);
  await api.request("POST", "/session/step-up", { body: { password } });
  const said = await api.request("PUT", "/settings/retention.event.soft_deleted", {
    body: { value: "P7D", reason: "a week is enough" },
    headers: { "if-match": '"0"' },
  });
  assert.equal(said.status, 200, said.text);
  await api.post(`/recordings/${other.id}/delete`);
  await page.goto(`${info.console}/recordings/bin`);
  assert.equal(daysLeft(await left(page)), 6, "the setting does not hold");

  // What lies in the bin can be erased without waiting.
  await page.goto(`${info.console}/recordings/bin?open=${other.id}`);
  await page.getByRole("button", { name: "Erase now…" }).click();
  const dialog = page.getByRole("dialog");
  // Who it is was proven for the setting a moment ago.
  await dialog.getByRole("button", { name: "Erase this recording" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByRole("heading", { name: "The recycle bin is empty" }).waitFor();
  const { items } = await api.get("/erasures");
  assert.deepEqual(
    items.map((one) => one.target),
    [other.id],
    "another was erased",
  );
  await page.goto(`${info.console}/recordings/${other.id}`);
  await page.getByRole("heading", { name: /^(Being erased|Erased)$/ }).waitFor();
  assert.deepEqual(errors, [], "the console threw");
}

/** How long the only recording in the bin can be restored, as its row says. */
const left = (page) => page.locator(".binleft").innerText();

/** `29 d`: whole days. */
const daysLeft = (text) => Number(/(\d+) d/.exec(text)?.[1] ?? Number.NaN);
