// A hold by two people: one proposes it and can only take it back, the other confirms; then nothing erases what it
// covers, until both have let it go.
import assert from "node:assert/strict";
import { shareSession } from "../lib/console.mjs";
import { comeIn } from "../lib/people.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause } from "../lib/wait.mjs";

export const name = "holds";
const PASSWORD = "clear glass above the aisle";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext();
  await visitShop(visitor, info);
  await pause(1500);
  await visitor.close();
  const { id, subject } = await onlyRecording(api);
  const desk = { viewport: { width: 1440, height: 900 } };
  const owner = await browser.newContext(desk);
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  const invited = { name: "Iris Vale", email: "iris@fernwick.example", role: "admin" };
  const { link } = await api.post("/people", invited);
  const other = await (await browser.newContext(desk)).newPage();
  other.on("pageerror", (error) => errors.push(error.message));
  await comeIn(other, link, PASSWORD);

  // From the recording: what it covers is filled in, and may be widened.
  await page.goto(`${info.console}/recordings`);
  await page.locator(`a[data-row="${id}"]`).focus();
  await page.keyboard.press(" ");
  await page.getByRole("link", { name: "Hold…" }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("The recording’s id").inputValue(), id);
  await dialog.getByText("Everything about somebody").click();
  assert.equal(await dialog.getByLabel("Whose id, of a person or a visitor").inputValue(), subject.id);
  await dialog.getByText("One recording").click();
  await dialog.getByLabel("The recording’s id").fill("rec_nonsense");
  await dialog.getByLabel("The matter").fill("Complaint 71");
  await dialog.getByLabel("Why it is needed").fill("the visitor says they were charged twice");
  await dialog.getByRole("button", { name: "Propose it" }).click();
  await dialog.getByRole("alert").waitFor();
  assert.deepEqual((await api.get("/holds")).items, [], "nonsense was proposed");
  await dialog.getByLabel("The recording’s id").fill(id);
  await page.screenshot({ path: t.picture("propose") });
  await dialog.getByRole("button", { name: "Propose it" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("It holds nothing yet: somebody else than you has to confirm it.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Confirm… Complaint 71" }).count(), 0, "one is enough");

  // Health tells of it, and leads to where it is decided.
  await page.goto(`${info.console}/settings/health`);
  const told = page.getByRole("listitem").filter({ hasText: "wait for a second person" });
  await told.getByRole("link", { name: "Holds" }).click();
  await page.getByRole("button", { name: "Withdraw… Complaint 71" }).waitFor();

  await other.goto(`${info.console}/trust/holds`);
  await other.getByText(/you can confirm what .* proposed/).waitFor();
  await other.getByRole("button", { name: "Confirm… Complaint 71" }).click();
  await other.getByRole("dialog").getByRole("button", { name: "Confirm", exact: true }).click();
  await other.getByText("holds", { exact: true }).waitFor();
  await other.screenshot({ path: t.picture("stands") });
  const erased = await api.request("POST", `/recordings/${id}/erasures`, { body: {} });
  assert.notEqual(erased.json?.state, "purge_queued", "it was erased in spite of the hold");

  // Released the same way, this time proposed by the other.
  await other.getByRole("button", { name: "Propose to release it… Complaint 71" }).click();
  await other.getByRole("dialog").getByRole("button", { name: "Propose to release it" }).click();
  await other.getByText("It still stands: somebody else than you has to confirm it.").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Confirm… Complaint 71" }).click();
  await dialog.getByText(/can be erased again/).waitFor();
  await dialog.getByRole("button", { name: "Confirm", exact: true }).click();
  await page.getByRole("region", { name: "Ended" }).getByText("released").first().waitFor();
  assert.equal((await api.get("/holds")).items[0].state, "released");
  assert.deepEqual(errors, [], "the console threw");
}
