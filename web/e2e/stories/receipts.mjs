// Erasing in the console: from the list, a part in the player, and everything about a visitor; each says what goes,
// leaves a page that says so, and stands under Receipts, where the signature is checked.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { inReplay, openPlayer, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "receipts";
export const limitMs = 4 * 60_000;

/** Whether Node, apart from the program, finds the receipt signed as its page says. */
function signed({ text, signature, key }) {
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(key, "base64")]);
  const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
  const said = Buffer.from(`clerestory erasure receipt 1\n${text}`);
  return verify(null, said, publicKey, Buffer.from(signature, "base64"));
}

async function visit(browser, info, pages) {
  const visitor = await browser.newContext({ viewport: { width: 1000, height: 720 } });
  const shop = await visitShop(visitor, info);
  for (let n = 0; n < pages; n += 1) {
    await pause(1200);
    await shop.mouse.wheel(0, 300);
  }
  await pause(1500);
  await visitor.close();
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  await visit(browser, info, 1);
  await visit(browser, info, 4);
  const two = await waitFor("both visits to be listed", async () => {
    const items = await api.recordings();
    return items.length === 2 && items.every((item) => item.segments > 0) ? items : null;
  });
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  // From the list, by the mouse.
  const [longer, shorter] = [...two].sort((a, b) => b.duration_us - a.duration_us);
  await page.goto(`${info.console}/recordings`);
  await page.locator(`[data-row="${shorter.id}"]`).hover();
  await page.getByRole("button", { name: `Erase the recording of ${shorter.subject.label}…` }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("It cannot be undone").waitFor();
  await page.screenshot({ path: t.picture("dialog") });
  await dialog.getByRole("textbox", { name: "Why, for the audit log" }).fill("asked for by the visitor");
  await dialog.getByRole("button", { name: "Erase this recording" }).click();
  // Once more who it is: it holds for the five minutes that all of this takes.
  await dialog.getByLabel("Your password, or a code of your app").fill(people(info)[0].password);
  await dialog.getByRole("button", { name: "Erase this recording" }).click();
  await dialog.getByText("From now on nobody sees or plays it.").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await waitFor(
    "the row to be gone",
    async () => (await page.locator(`[data-row="${shorter.id}"]`).count()) === 0,
  );

  // A part, in the player; the rest plays on.
  await openPlayer(page, info, longer.id, { atMs: 0 });
  await page.getByRole("button", { name: "Erase…" }).click();
  await dialog.getByText("A part of it").click();
  await dialog.getByLabel("From").fill("0:00");
  await dialog.getByLabel("to", { exact: true }).fill("nonsense");
  assert.ok(await dialog.getByRole("button", { name: "Erase this part" }).isDisabled(), "nonsense is a time");
  await dialog.getByLabel("to", { exact: true }).fill("0:01");
  await dialog.getByRole("button", { name: "Erase this part" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
  await waitFor(
    "the gap that says it was erased",
    async () => {
      const { tracks } = await api.get(`/recordings/${longer.id}`);
      return tracks.some((track) => track.gaps.some((gap) => gap.reason === "erased"));
    },
    { timeoutMs: 60_000, everyMs: 1000 },
  );

  // Everything about the visitor, which takes their name.
  await page.goto(`${info.console}/recordings/${longer.id}`);
  await page.getByRole("button", { name: "Erase…" }).click();
  await dialog.getByText(`Everything about ${longer.subject.label}`).first().click();
  const all = dialog.getByRole("button", { name: `Erase everything about ${longer.subject.label}` });
  assert.ok(await all.isDisabled(), "no name was typed");
  await dialog.getByLabel(/to confirm/).fill("Somebody Else");
  assert.ok(await all.isDisabled(), "another name was typed");
  await dialog.getByLabel(/to confirm/).fill(longer.subject.label.toLowerCase());
  await all.click();
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByRole("heading", { name: /^(Being erased|Erased)$/ }).waitFor();
  assert.equal(
    await inReplay(page, info, (inner) => inner.body.childElementCount),
    null,
    "a picture is left",
  );
  await page.screenshot({ path: t.picture("erased") });

  // Where it stands, and the proof.
  await page.getByRole("link", { name: "See how far it is, and the receipt" }).click();
  await page.getByText("Everything about one person").first().waitFor();
  await waitFor(
    "every key to be destroyed",
    async () => {
      await page.getByRole("button", { name: "Look again" }).click();
      const { items } = await api.get("/erasures");
      return items.length === 3 && items.every((erasure) => erasure.destroyed_at !== null);
    },
    { timeoutMs: 60_000, everyMs: 2000 },
  );
  await page.getByRole("button", { name: "Look again" }).click();
  // A receipt is signed when files of the log that others lie in too are gone. Until then the page says what it waits for.
  const proof = page.getByText(/It waits\.|This browser checked the signature/);
  await proof.waitFor();
  await page.screenshot({ path: t.picture("receipt") });
  const save = page.getByRole("button", { name: "Save the receipt" });
  if (await save.isVisible()) {
    const [file] = await Promise.all([page.waitForEvent("download"), save.click()]);
    const receipt = JSON.parse(readFileSync(await file.path(), "utf8"));
    assert.ok(signed(receipt), "the saved receipt is not signed");
    assert.equal(JSON.parse(receipt.text).kind, "subject");
  }

  // What nobody may see is told as erased, not as missing.
  await page.goto(`${info.console}/recordings/${shorter.id}`);
  await page.getByRole("heading", { name: /^(Being erased|Erased)$/ }).waitFor();
  await page.getByRole("link", { name: "See how far it is, and the receipt" }).click();
  await page.getByText("Keys destroyed").first().waitFor();
  const { items } = await api.get("/audit?action=subject.erase&limit=5");
  assert.equal(items.length, 1, "the erasure of everything is not one entry");
  assert.deepEqual(errors, [], "the console threw");
}
