// Signing in with an app: a password that was right is not the end of it, and whoever has no code begins again.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { people } from "../lib/people.mjs";

export const name = "factor";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The six digits of an authenticator app (RFC 6238: SHA-1, 30 s). */
function codeAt(secret, ms) {
  let bits = "";
  for (const letter of secret.replace(/[\s=]/g, ""))
    bits += BASE32.indexOf(letter).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

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
