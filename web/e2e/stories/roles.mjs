// Roles of one's own, made and given in the console; and a recording that a second person must agree to.
import assert from "node:assert/strict";
import { openPlayer, playerFrame, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause } from "../lib/wait.mjs";

export const name = "roles";
export const limitMs = 4 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 } };

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext();
  await visitShop(visitor, info);
  await pause(1500);
  await visitor.close();
  const { id } = await onlyRecording(api);
  const [me, mirel] = people(info);
  const owner = await browser.newContext(DESK);
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  // The table says what each role may do; a role that allows nothing is none.
  await page.goto(`${info.console}/people`);
  await page.getByRole("link", { name: "Roles" }).click();
  const table = page.getByRole("table");
  await table.getByRole("columnheader", { name: /^Privacy officer/ }).waitFor();
  await table
    .getByRole("row", { name: /recording\.play/ })
    .getByText("everything of the organisation")
    .first()
    .waitFor();
  await page.screenshot({ path: t.picture("table") });
  await page.getByRole("button", { name: "Make a role…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What it is called").fill("Reader of the log");
  await dialog.getByRole("button", { name: "Make the role" }).click();
  await dialog.getByText("Choose at least one right.").waitFor();
  await dialog.getByLabel(/audit\.read/).selectOption({ label: "everything of the organisation" });
  await page.screenshot({ path: t.picture("make") });
  await dialog.getByRole("button", { name: "Make the role" }).click();
  await dialog.getByLabel("Your password, or a code of your app").fill(me.password);
  await dialog.getByRole("button", { name: "Make the role" }).click();
  await dialog.waitFor({ state: "detached" });
  await table.getByRole("columnheader", { name: /^Reader of the log\s*0 people/ }).waitFor();

  // Given to somebody, it counts them, and they may do what it says.
  await page.goto(`${info.console}/people`);
  await page.getByRole("button", { name: "Mirel Hadley", exact: true }).click();
  await page.getByRole("button", { name: "Change the role…" }).click();
  await dialog.getByLabel("Reader of the log").check();
  await dialog.getByRole("button", { name: "Give these roles" }).click();
  await dialog.waitFor({ state: "detached" });
  const theirs = await (await browser.newContext(DESK)).newPage();
  theirs.on("pageerror", (error) => errors.push(error.message));
  await theirs.goto(`${info.console}/sign-in`);
  await theirs.getByLabel("E-mail address").fill(mirel.email);
  await theirs.getByLabel("Password").fill(mirel.password);
  await theirs.getByRole("button", { name: "Sign in" }).click();
  await theirs.waitForURL(/\/recordings/);
  await theirs.goto(`${info.console}/trust/audit`);
  await theirs.getByRole("heading", { name: "Audit" }).waitFor();

  // Managers watch visitors, also while it goes on, where that is said. Where four eyes are wanted, they ask; somebody else
  // agrees; then it plays.
  await api.request("POST", "/session/step-up", { body: { password: me.password } });
  const said = ["manager.scope.visitors", "allow.recording.follow.manager", "view.four_eyes"];
  for (const [version, name] of said.entries()) {
    await api.request("PUT", `/settings/${name}`, {
      body: { value: true, reason: "from today on" },
      headers: { "if-match": `"${version}"` },
    });
  }
  await theirs.goto(`${info.console}/recordings/${id}`);
  await theirs.getByRole("heading", { name: "A second person is to agree first" }).waitFor();
  await theirs.getByLabel("Why you want to watch this").fill("ticket 71");
  await theirs.getByRole("button", { name: "Ask somebody to agree" }).click();
  const again = theirs.getByRole("button", { name: "Look again" });
  await again.waitFor();
  assert.equal(playerFrame(theirs, info)?.childFrames().length ?? 0, 0, "a picture came before the answer");
  await theirs.screenshot({ path: t.picture("waits") });
  await page.goto(`${info.console}/trust/views`);
  await page.getByText("ticket 71").waitFor();
  await page.screenshot({ path: t.picture("asked") });
  await page.getByRole("button", { name: "Agree", exact: true }).click();
  await page.getByText("Agreed").waitFor();
  await again.click();
  await openPlayer(theirs, info, id, { atMs: 0 });

  // Of the whole log they read who changed what holds for everybody.
  const logged = () =>
    theirs.evaluate(async () => {
      const answer = await fetch("/api/v1/audit?limit=200");
      return (await answer.json()).items.map((entry) => entry.action);
    });
  const settings = (actions) => actions.filter((action) => action.startsWith("setting."));
  assert.ok(settings(await logged()).length > 0);

  // Taken away again, with what it allowed: what is about themselves is left to them.
  await page.goto(`${info.console}/people/roles`);
  await table.getByRole("columnheader", { name: /^Reader of the log\s*1 person/ }).waitFor();
  await page.getByRole("button", { name: "Remove Reader of the log…" }).click();
  const sure = page.getByRole("alertdialog");
  await sure.getByText("1 person loses it at once.").waitFor();
  await sure.getByRole("button", { name: "Remove the role" }).click();
  await sure.waitFor({ state: "detached" });
  assert.equal((await api.get("/roles")).items.filter((role) => !role.builtin).length, 0);
  await theirs.goto(`${info.console}/trust/audit`);
  await theirs.getByText("person roles").first().waitFor();
  const left = await logged();
  assert.ok(left.length > 0 && settings(left).length === 0, left.join(", "));
  assert.deepEqual(errors, []);
}
