// Signing out everywhere ends another browser's session within five seconds.
import assert from "node:assert/strict";
import { Api } from "../lib/api.mjs";
import { signInByLink } from "../lib/console.mjs";
import { secondSignIn } from "../lib/people.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "sign-out-everywhere";
const ENDS_WITHIN_MS = 5_000;

export async function run(t) {
  const server = await t.server();
  const { info } = server;
  const browser = await t.browser();
  const one = await (await browser.newContext()).newPage();
  await signInByLink(one, info);
  const two = await (await browser.newContext()).newPage();
  await secondSignIn(two, server);
  const reused = await new Api(info).request("POST", "/session/link", {
    body: { token: new URLSearchParams(new URL(info.sign_in).hash.slice(1)).get("token") },
  });
  assert.equal(reused.status, 401, "the sign-in link worked a second time");

  const status = (page) => page.evaluate(async () => (await fetch("/api/v1/session")).status);
  assert.equal(await status(one), 200);
  assert.equal(await status(two), 200);
  await one.getByRole("button", { name: /your account/ }).click();
  await one.getByRole("menuitem", { name: /Sign out everywhere/ }).click();
  await one.getByRole("alertdialog").getByRole("button", { name: "Sign out everywhere" }).click();
  const asked = Date.now();
  await waitFor("the other browser to be signed out", async () => (await status(two)) === 401, {
    timeoutMs: ENDS_WITHIN_MS,
  });
  t.say(`ended after ${Date.now() - asked} ms`);
  assert.equal(await status(one), 401);
  await one.waitForURL(/\/sign-in/);
}
