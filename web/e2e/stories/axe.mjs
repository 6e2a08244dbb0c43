// axe finds nothing in light and dark, on every page of the console and of the shop.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { people } from "../lib/people.mjs";
import { allowScreens, recordScreen } from "../lib/screen.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "axe";
export const limitMs = 15 * 60_000;
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

/** A screen of whoever is signed in, with everything that people make of one. */
async function coach(api, browser, info) {
  await allowScreens(api);
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${info.console}/sign-in`);
  const screen = await recordScreen(api, page, { seconds: 6 });
  await page.context().close();
  const said = await api.post(`/recordings/${screen}/comments`, { at_ms: 2000, text: "Look at the lamp." });
  await api.post(`/recordings/${screen}/comments`, { at_ms: 2000, text: "I did.", answers: said.id });
  await api.post(`/recordings/${screen}/comments`, { at_ms: 3000, to_ms: 4500, text: "All of this." });
  const clip = await api.post(`/recordings/${screen}/clips`, {
    title: "The lamp",
    from_ms: 1000,
    to_ms: 4000,
  });
  const list = await api.post("/playlists", { title: "For newcomers" });
  await api.patch(`/playlists/${list.id}`, {
    items: [
      { kind: "clip", id: clip.id },
      { kind: "recording", id: screen },
    ],
  });
  await api.put(`/recordings/${screen}/review`, { state: "waiting", note: "Whether it was kind" });
  const { person } = await api.get("/session");
  const press = (name) => async (door) => {
    await door.getByRole("button", { name }).click();
    await door.getByRole("dialog").waitFor();
  };
  const player = `/recordings/${screen}`;
  return [
    { at: "/recordings/review" },
    { at: "/recordings/review?state=done" },
    { at: "/recordings/playlists" },
    { at: `/recordings/playlists/${list.id}` },
    { at: `${player}?t=2000&side=comments` },
    { at: `${player}?t=2000&side=clips` },
    { at: `${player}?clip=${clip.id}&list=${list.id}&item=0&side=clips` },
    { at: `${player}?t=2000&side=clips`, title: "add", act: press("Add… The lamp to a playlist") },
    { at: `${player}?t=2000`, title: "export", act: press("Export as MP4…") },
    {
      at: `/people?open=${person.id}`,
      title: "calendar",
      act: async (door) => {
        await door.getByRole("button", { name: "On which days they were recorded" }).click();
        await door
          .getByRole("table", { name: /^Recordings of/ })
          .getByRole("link")
          .waitFor();
      },
    },
  ];
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
  const made = await coach(api, browser, info);
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
    ...made,
  ].map((page) => (typeof page === "string" ? { at: page } : page));
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
      for (const { at: address, title = "", act } of pages) {
        if (address === `/recordings/${id}`) await openPlayer(door, info, id);
        else await door.goto(`${info.console}${address}`);
        // What is still loading has nothing to complain about.
        await door.getByRole("heading").first().waitFor();
        await waitFor(
          `${address} to be loaded`,
          async () => (await door.getByText("Loading", { exact: true }).count()) === 0,
        );
        await act?.(door);
        await pause(900);
        const where = `${colorScheme} ${size} ${address.replaceAll(/_[0-9a-f]{32}/g, "_…")} ${title}`.trim();
        await check(door, where, wrong);
        const overflow = await door.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (overflow > 1) wrong.push(`${where}: ${overflow} px wider than the screen`);
        await door.screenshot({
          path: t.picture(
            `${`${address}${title}`.replaceAll(/\W+/g, "-").replaceAll(/[0-9a-f]{32}/g, "id")}-${colorScheme}-${size}`,
          ),
        });
      }
      await owner.close();
    }
  }
  assert.deepEqual(wrong, [], "axe found something");
}
