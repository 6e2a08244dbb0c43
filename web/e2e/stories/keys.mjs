// API keys in the console: made for one thing, shown once, made anew, ended; each as a program finds it.
import assert from "node:assert/strict";
import { Api } from "../lib/api.mjs";
import { shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";

export const name = "keys";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const program = new Api(info);
  const asks = async (key, path) =>
    (await program.request("GET", path, { headers: { authorization: `Bearer ${key}` } })).status;

  await page.goto(`${info.console}/settings/keys`);
  await page.getByRole("heading", { name: "There are no keys" }).waitFor();
  await page.getByRole("button", { name: "Make a key…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What it is for").fill("Nightly report");
  await dialog.getByRole("button", { name: "Make the key" }).click();
  await dialog.getByText("Choose at least one.").waitFor();
  await dialog.getByText("list sites and their set-up").click();
  await page.screenshot({ path: t.picture("make") });
  await dialog.getByRole("button", { name: "Make the key" }).click();

  // Where the session is older than five minutes, or came by a link, it is asked who one is.
  const shown = page.getByRole("alertdialog");
  const password = dialog.getByLabel("Your password, or a code of your app");
  await shown.or(password).first().waitFor();
  if (await password.isVisible()) {
    await password.fill(people(info)[0].password);
    await dialog.getByRole("button", { name: "Make the key" }).click();
  }
  const first = await shown.locator(".link-box code").textContent();
  await page.screenshot({ path: t.picture("shown") });
  await shown.getByRole("button", { name: "I have put it away" }).click();
  await page.getByText("May list sites and their set-up.").waitFor();
  await page.getByText(/never used/).waitFor();
  assert.ok(!(await page.content()).includes(first), "the key is still on the page");
  assert.equal(await asks(first, "/sites"), 200, "the key does not do what it was made for");
  assert.equal(await asks(first, "/recordings"), 403, "the key does more than it was made for");

  await page.getByRole("button", { name: "Make anew… Nightly report" }).click();
  await dialog.getByRole("button", { name: "Make it anew" }).click();
  const second = await shown.locator(".link-box code").textContent();
  await shown.getByRole("button", { name: "I have put it away" }).click();
  assert.notEqual(second, first);
  assert.equal(await asks(first, "/sites"), 401, "what it was still opens");
  assert.equal(await asks(second, "/sites"), 200);

  await page.getByRole("button", { name: "End… Nightly report" }).click();
  await dialog.getByRole("button", { name: "End the key" }).click();
  await page.getByRole("heading", { name: "There are no keys" }).waitFor();
  assert.equal(await asks(second, "/sites"), 401, "an ended key opens");

  // Another browser of the same person is signed out by itself.
  const [me] = people(info);
  const elsewhere = new Api(info);
  await elsewhere.post("/session", { email: me.email, password: me.password });
  await page.goto(`${info.console}/settings/sessions`);
  await page
    .getByRole("button", { name: /^Sign out of/ })
    .first()
    .click();
  await page.getByText("That browser is signed out.").waitFor();
  assert.equal((await elsewhere.request("GET", "/session")).status, 401, "it is still signed in");
  assert.equal((await api.request("GET", "/session")).status, 200, "another was signed out");
  assert.deepEqual(errors, [], "the console threw");
}
