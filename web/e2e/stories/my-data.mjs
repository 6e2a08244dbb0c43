// A member opens My data: what is kept about them, why and how long, who looked at which part and who was refused. An
// Admin begins to watch in another browser, and the page says so while it happens, and that it is over.
import assert from "node:assert/strict";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { pageEvents } from "../lib/events.mjs";
import { inRole, people, signInAs } from "../lib/people.mjs";
import { takePictures } from "../lib/pictures.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "my-data";
export const limitMs = 4 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 } };

export async function run(t) {
  const { api, info } = await t.signedIn();
  const [admin] = people(info);
  const [juno, mirel] = [inRole(info, "member"), inRole(info, "manager")];
  const browser = await t.browser();
  const theirs = await browser.newContext(DESK);
  const page = await theirs.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  // Nothing is kept yet, and the page says so.
  await signInAs(page, info, juno);
  const main = page.getByRole("navigation", { name: "Main", exact: true });
  await main.getByRole("link", { name: "My data" }).click();
  await page.getByRole("heading", { name: "What Clerestory keeps about you, Juno" }).waitFor();
  await page.getByText("In the last 30 days nothing of you was captured.").waitFor();
  await page.getByText("Nothing that was captured shows you.").waitFor();
  await page.getByText("Nobody has looked at what shows you.").waitFor();
  await takePictures(t, page, "nothing");
  // From here on nobody reloads it.
  await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

  // Two recordings about them come in: what, why, and how long.
  const site = await api.shopSite();
  const { items } = await api.get("/people");
  const me = items.find((person) => person.email === juno.email);
  const bring = async (text) => {
    const events = pageEvents(text, { seconds: 40 });
    return (await api.post(`/sites/${site.id}/imports?about=${me.id}`, events)).recording;
  };
  await api.prove();
  const [watched, other] = [await bring("an order"), await bring("a refund")];
  const kept = page.locator(".captured li");
  await waitFor("both recordings to stand there", async () => (await kept.count()) === 2);
  for (const one of await kept.all()) {
    const said = await one.innerText();
    assert.match(said, /Fernwick shop/, "where it was captured is not said");
    assert.match(said, /00:40/, "how long it is, is not said");
    assert.match(said, /because Fernwick Goods keeps what is captured on Fernwick shop/, "why is not said");
    assert.match(said, /Kept until \d+ \w+ \d{4}, \d+ d left/, "until when is not said");
  }
  await page.getByText(/80 seconds of you were captured\. Of these, others looked at none\./).waitFor();

  // Their own recordings, where the rules allow it, and no other.
  const own = await theirs.newPage();
  own.on("pageerror", (error) => errors.push(error.message));
  const hrefs = await page
    .locator(".captured a")
    .evaluateAll((links) => links.map((link) => new URL(link.href).pathname));
  // To each leads what was said about it, too.
  assert.deepEqual([...new Set(hrefs)].sort(), [watched, other].map((id) => `/recordings/${id}`).sort());
  await openPlayer(own, info, other);
  await own.close();
  const looked = page.locator(".looked li");
  await looked.getByText("You", { exact: true }).waitFor();

  // Somebody to whom they do not report tries, and is refused.
  const nosy = await (await browser.newContext(DESK)).newPage();
  await signInAs(nosy, info, mirel);
  await nosy.goto(`${info.console}/recordings/${other}`);
  await nosy.getByText("There is nothing here").waitFor();
  const refused = page.locator(".looked li.no");
  await refused.first().waitFor();
  assert.match(await refused.first().innerText(), /Mirel Hadley[\s\S]*refused, nothing seen/);

  await whileAnAdminWatches({ t, api, info, browser, page, admin, watched });
  const reloaded = await page.evaluate(() => window.neverReloaded !== true);
  assert.equal(reloaded, false, "the page was loaded anew in between");

  // What they ask for stands there too.
  await page.getByRole("button", { name: "See what is held" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Ask" }).click();
  await page.getByText("To see what is held").waitFor();
  await page.getByRole("link", { name: /^Save it, until/ }).waitFor();
  await takePictures(t, page, "looked");
  assert.deepEqual(errors, [], "the console threw");
}

/** An Admin watches in another browser: it stands there while they do, with the part, and then that it ended. */
async function whileAnAdminWatches({ t, api, info, browser, page, admin, watched }) {
  const office = await browser.newContext(DESK);
  await shareSession(office, api, info);
  const player = await office.newPage();
  await openPlayer(player, info, watched, { atMs: 0 });
  const now = page.getByRole("heading", { name: `${admin.name} is watching you, now` });
  await now.waitFor({ timeout: 15_000 });
  const banner = page.locator(".watch");
  assert.match(await banner.innerText(), /Fernwick shop.*recorded on.*Reason: /s);
  await player.getByRole("button", { name: "Play", exact: true }).click();
  // A player tells every half a minute which part it showed.
  await waitFor(
    "the part that is watched to be told",
    async () => /Last told at 00:[1-4]\d/.test(await banner.innerText()),
    { timeoutMs: 60_000, everyMs: 500 },
  );
  await takePictures(t, page, "watched-now");
  await player.goto(`${info.console}/recordings`);
  await now.waitFor({ state: "detached", timeout: 15_000 });
  const look = page.locator(".looked li.lk", { hasText: admin.name });
  await waitFor("the look to be over", async () => !/\bnow\b/.test(await look.innerText()));
  assert.match(await look.innerText(), /00:\d\d/, "how long they looked is not said");
  const part = await look.locator(".panes").getAttribute("aria-label");
  assert.match(part ?? "", /^Seen: 00:0\d to 00:\d\d\.$/, "which part they saw is not said");
  await office.close();
}
