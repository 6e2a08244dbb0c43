// Signing in with an app: a password that was right is not the end of it, and whoever has no code begins again.
import assert from "node:assert/strict";
import { codeAt } from "../lib/authenticator.mjs";
import { people } from "../lib/people.mjs";

export const name = "factor";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const [me] = people(info);
  await api.request("POST", "/session/step-up", { body: { password: me.password } });
  const { secret } = await api.post("/session/factor");
  const now = Date.now();
  const { recovery_codes } = await api.post("/session/factor/confirm", { code: codeAt(secret, now) });
  assert.ok(recovery_codes.length > 0);

  const browser = await t.browser();
  const page = await (await browser.newContext()).newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const give = async () => {
    await page.getByLabel("E-mail address").fill(me.email);
    await page.getByLabel("Password").fill(me.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("Code").waitFor();
  };
  await page.goto(`${info.console}/sign-in`);
  await give();
  // The code that set the app up is used up.
  await page.getByLabel("Code").fill(codeAt(secret, now));
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("alert").waitFor();
  await page.screenshot({ path: t.picture("refused") });
  await page.getByRole("button", { name: "Begin again" }).click();
  await page.getByLabel("Password").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0, "what was wrong before is still told");
  await give();
  await page.getByLabel("Code").fill(recovery_codes[0]);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForURL(/\/recordings/);
  assert.deepEqual(errors, [], "the console threw");
}
