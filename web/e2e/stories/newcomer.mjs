// A newcomer runs the demo, clicks in the shop, and sees themselves in the console within five seconds.
import assert from "node:assert/strict";
import { inReplay, openPlayer, signInByLink } from "../lib/console.mjs";
import { visitShop } from "../lib/shop.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "newcomer";
const LISTED_WITHIN_MS = 5_000;

export async function run(t) {
  const { info } = await t.server();
  const browser = await t.browser();
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const console = await owner.newPage();
  await signInByLink(console, info);
  assert.equal(new URL(console.url()).hash, "", "the token is still in the address");

  const visitor = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  const shop = await visitShop(visitor, info);
  const clicked = Date.now();
  await shop.getByRole("button", { name: "Home", exact: true }).click();
  const row = console.locator('a[href*="/recordings/rec_"]').first();
  await row.waitFor({ timeout: LISTED_WITHIN_MS });
  t.say(`listed ${Date.now() - clicked} ms after the click`);
  assert.ok(
    Date.now() - clicked <= LISTED_WITHIN_MS,
    "the visit was listed later than five seconds after the click",
  );
  const recording = /rec_[0-9a-f]{32}/.exec((await row.getAttribute("href")) ?? "")?.[0];
  assert.ok(recording, "the row leads to no recording");
  await console.screenshot({ path: t.picture("list") });

  await openPlayer(console, info, recording);
  await waitFor("the shop's own heading in the replay", () =>
    inReplay(console, info, (inner) => inner.querySelector("h1")?.textContent === "Made once, mended often"),
  );
  await console.screenshot({ path: t.picture("player") });

  await console.goto(`${info.console}/trust/audit`);
  await console.getByText(/play/i).first().waitFor({ timeout: 10_000 });
  await console.screenshot({ path: t.picture("audit") });
  const audit = await console.evaluate(async () => (await fetch("/api/v1/audit?limit=100")).json());
  assert.ok(
    audit.items.some(
      (entry) => entry.object?.id === recording && entry.outcome === "allowed" && /play/i.test(entry.action),
    ),
    "the audit has no entry that allowed this play",
  );
}
