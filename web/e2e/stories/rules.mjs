// Rules: an administrator sees what holds and why, is told what a change does before it is made, and it holds at once.
import assert from "node:assert/strict";
import { playerFrame, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause } from "../lib/wait.mjs";

export const name = "rules";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext();
  await visitShop(visitor, info);
  await pause(1500);
  const { id } = await onlyRecording(api);
  await visitor.close();
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  await page.goto(`${info.console}/settings/rules`);
  const row = page.getByRole("row", { name: /view\.reason_required/ });
  await row.getByText("off", { exact: true }).waitFor();
  await row.getByText("as the program comes").waitFor();
  await page.getByRole("button", { name: "view.reason_required" }).click();
  await page.screenshot({ path: t.picture("rule") });
  await page.getByRole("button", { name: "Change it…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What holds in the organisation").selectOption("on");
  await dialog.getByLabel("Why").fill("agreed with the staff council");
  await dialog.getByRole("button", { name: "See what it changes" }).click();
  await dialog.getByText("For the organisation").waitFor();
  await page.screenshot({ path: t.picture("effects") });
  const still = await api.get("/settings");
  assert.equal(still.items.find((one) => one.name === "view.reason_required").value, false, "said too early");
  await dialog.getByRole("button", { name: "Say it" }).click();
  // Who relaxes or tightens what holds for everyone says once more who it is.
  await dialog.getByLabel("Your password, or a code of your app").fill(people(info)[0].password);
  await dialog.getByRole("button", { name: "Say it" }).click();
  await row.getByText("on", { exact: true }).waitFor();
  await row.getByText("said for the organisation").waitFor();
  await page.getByText("agreed with the staff council").first().waitFor();

  await page.goto(`${info.console}/recordings/${id}`);
  await page.getByText("Why are you opening this?").waitFor();
  assert.equal((await api.request("POST", `/recordings/${id}/plays`, { body: {} })).status, 422);
  assert.ok(playerFrame(page, info), "the player's page is not there");

  // Somebody who changed it meanwhile is not overruled by what was typed before.
  await page.goto(`${info.console}/settings/rules?open=view.reason_required`);
  await page.getByRole("button", { name: "Change it…" }).click();
  await dialog.getByLabel("What holds in the organisation").selectOption("off");
  await dialog.getByRole("button", { name: "See what it changes" }).click();
  await dialog.getByText("This protects people less than now.").waitFor();
  const { version, items } = await api.get("/settings");
  const another = items.find((one) => one.kind === "switch" && one.name !== "view.reason_required");
  const other = await api.request("PUT", `/settings/${another.name}`, {
    body: { value: !another.value, lock: "none" },
    headers: { "if-match": `"${version}"` },
  });
  assert.equal(other.status, 200, other.text);
  await dialog.getByRole("button", { name: "Say it" }).click();
  await dialog.getByRole("button", { name: "Look at what it is now" }).waitFor();
  assert.deepEqual(errors, [], "the console threw");
}
