// axe finds nothing in light and dark, on every page of the console and of the shop.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "axe";
export const limitMs = 8 * 60_000;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const SHOP = [
  "/index.html",
  "/product.html?p=wool-socks",
  "/basket.html",
  "/checkout.html",
  "/account/index.html",
  "/account/cards.html",
  "/search.html?q=wool",
  "/journal.html",
  "/guide/linen.html",
  "/showcase.html",
  "/thanks.html",
  "/404.html",
];

async function check(page, title, wrong) {
  await page.evaluate(axe);
  // Frames are left out: the recorded page in the player is somebody else's.
  const { violations } = await page.evaluate(
    "axe.run(document, { iframes: false, resultTypes: ['violations'] })",
  );
  for (const { id, nodes } of violations) {
    wrong.push(
      `${title}: ${id}, ${nodes.length} times, first ${nodes[0].html.slice(0, 160)} (${nodes[0].failureSummary.split("\n").slice(1, 3).join(" ").trim()})`,
    );
  }
}

/** Something in each list that would be empty: a deleted recording, a hold, a key. */
async function fill(api, browser, info) {
  const visitor = await browser.newContext();
  await visitShop(visitor, info);
  await pause(1500);
  await visitor.close();
  const [second] = await api.recordings();
  await api.post(`/recordings/${second.id}/delete`);
  await api.post("/holds", { scope: "organisation", matter: "Case 71", reason: "the insurer asks for it" });
  const [me] = people(info);
  await api.request("POST", "/session/step-up", { body: { password: me.password } });
  await api.post("/keys", { name: "Nightly report", scopes: ["site.list"], days: 7 });
}

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const visitor = await browser.newContext();
  const shop = await visitShop(visitor, info);
  await pause(1500);
  const { id } = await onlyRecording(api);
  const site = await api.shopSite();
  const wrong = [];
  await fill(api, browser, info);
  for (const address of SHOP) {
    await shop.goto(`${info.shop}${address}`);
    await check(shop, `shop ${address}`, wrong);
  }
  await visitor.close();
  const pages = [
    "/recordings",
    "/recordings?state=soft_deleted",
    "/recordings/bin",
    `/recordings/${id}`,
    "/trust/overview",
    `/trust/audit`,
    "/trust/watched",
    "/trust/receipts",
    "/trust/views",
    "/trust/requests",
    "/trust/holds",
    "/trust",
    "/my-data",
    "/people",
    "/people/tree",
    "/people/roles",
    "/settings/sites",
    `/settings/sites/${site.id}`,
    `/settings/sites/${site.id}/policy`,
    "/settings/rules",
    "/settings/rules?open=view.reason_required",
    "/settings/retention",
    "/settings/keys",
    "/settings/sessions",
    "/settings/health",
    "/no-such-page",
  ];
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const size = viewport.width < 500 ? "phone" : "desk";
      const owner = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
      const door = await owner.newPage();
      await door.goto(`${info.console}/sign-in`);
      await door.getByRole("button", { name: "Sign in" }).waitFor();
      await check(door, `${colorScheme} ${size} /sign-in`, wrong);
      await shareSession(owner, api, info);
      for (const address of pages) {
        if (address === `/recordings/${id}`) await openPlayer(door, info, id);
        else await door.goto(`${info.console}${address}`);
        // What is still loading has nothing to complain about.
        await door.getByRole("heading").first().waitFor();
        await waitFor(
          `${address} to be loaded`,
          async () => (await door.getByText("Loading", { exact: true }).count()) === 0,
        );
        await pause(900);
        await check(door, `${colorScheme} ${size} ${address.replaceAll(/_[0-9a-f]{32}/g, "_…")}`, wrong);
        const overflow = await door.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 1)
          wrong.push(`${colorScheme} ${size} ${address}: ${overflow} px wider than the screen`);
        await door.screenshot({
          path: t.picture(
            `${address.replaceAll(/\W+/g, "-").replaceAll(/[0-9a-f]{32}/g, "id")}-${colorScheme}-${size}`,
          ),
        });
      }
      await owner.close();
    }
  }
  assert.deepEqual(wrong, [], "axe found something");
}
