// What people make of recordings to learn from them: comments that the recorded person answers, clips, a playlist that
// lends nothing and loses nothing, a review, a calendar, and a film where the server can make one.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Api } from "../lib/api.mjs";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { pageEvents } from "../lib/events.mjs";
import { inRole, people, prove, signInAs } from "../lib/people.mjs";
import { takePictures } from "../lib/pictures.mjs";
import { allowScreens, recordScreen } from "../lib/screen.mjs";
import { startServer } from "../lib/server.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "coaching";
export const limitMs = 8 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 }, acceptDownloads: true };
const SCREEN_S = 16;

export async function run(t) {
  const { api, info, server } = await t.signedIn();
  const [admin] = people(info);
  const [juno, mirel] = [inRole(info, "member"), inRole(info, "manager")];
  const browser = await t.browser();
  const errors = [];
  const open = async (who) => {
    const context = await browser.newContext(DESK);
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    if (who === admin) {
      await shareSession(context, api, info);
      await page.goto(`${info.console}/recordings`);
    } else await signInAs(page, info, who);
    return page;
  };
  const [boss, lead, member] = [await open(admin), await open(mirel), await open(juno)];
  const made = await record({ api, info, juno, mirel, page: member });
  const scene = { t, api, info, server, browser, boss, lead, member, juno, mirel, errors, ...made };

  await nothingYet(scene);
  await comments(scene);
  await clips(scene);
  await playlist(scene);
  await reviews(scene);
  await calendar(scene);
  await unreadable(scene);
  await film(scene);
  assert.deepEqual(errors, [], "the console threw");
  await withoutFfmpeg(scene);
  assert.deepEqual(errors, [], "the console threw");
}

/** A screen and a visit of Juno, who reports to Mirel now, and a visit of somebody else. */
async function record({ api, info, juno, mirel, page }) {
  const site = await api.shopSite();
  const { items } = await api.get("/people");
  const idOf = ({ email }) => items.find((person) => person.email === email).id;
  await api.prove();
  await api.put(`/people/${idOf(juno)}/manager`, { manager: idOf(mirel) });
  await allowScreens(api);
  const bring = async (title, seconds, query = "") =>
    (await api.post(`/sites/${site.id}/imports${query}`, pageEvents(title, { seconds, title }))).recording;
  const visit = await bring("A refund", 40, `?about=${idOf(juno)}`);
  const other = await bring("A basket", 20);
  const own = new Api(info);
  await own.post("/session", { email: juno.email, password: juno.password });
  const screen = await recordScreen(own, page, { seconds: SCREEN_S });
  return { visit, other, screen, idOf };
}

const go = (page, info, address) => page.goto(`${info.console}${address}`);
const side = (page, name) => page.getByRole("tab", { name: new RegExp(`^${name}`) });

/** Opens a screen and waits for its picture. */
async function openScreen(page, info, recording, search = "") {
  await go(page, info, `/recordings/${recording}${search}`);
  await waitFor(
    "a picture of the screen",
    () =>
      page.evaluate(() => {
        const video = document.querySelector("video");
        return video !== null && video.readyState >= 2 && video.videoWidth > 0;
      }),
    { timeoutMs: 20_000 },
  );
}

/** What each page says while there is nothing. */
async function nothingYet({ t, info, boss }) {
  await go(boss, info, "/recordings/playlists");
  await boss.getByText("There is no playlist yet").waitFor();
  await takePictures(t, boss, "playlists-empty");
  await go(boss, info, "/recordings/review");
  await boss.getByText("Nothing waits for a review").waitFor();
  await takePictures(t, boss, "review-empty");
  await boss.getByRole("button", { name: "Reviewed" }).click();
  await boss.getByText("Nothing was reviewed yet").waitFor();
}

/** Said at a moment, answered by whom it is about, changed, deleted, and brought back. */
async function comments({ t, info, boss, member, screen }) {
  await openScreen(boss, info, screen, "?t=7000&side=comments");
  await boss.getByText("Nobody has said anything about this recording.").waitFor();
  await takePictures(t, boss, "comments-empty");
  await boss.keyboard.press("c");
  const field = boss.getByRole("textbox", { name: "Comment at 00:07" });
  await field.fill("A refund without asking back: well done.");
  await boss.keyboard.press("Control+Enter");
  const said = boss.getByRole("article", { name: /at 00:07$/ });
  await said.getByText("A refund without asking back: well done.").waitFor();
  // What is not sent yet waits there.
  const next = boss.getByRole("textbox", { name: /^Comment at/ });
  await next.fill("Said by mistake.");
  await side(boss, "Clips").click();
  await side(boss, "Comments").click();
  assert.equal(await next.inputValue(), "Said by mistake.");
  await boss.getByRole("button", { name: "Send" }).click();
  await boss.getByText("Said by mistake.").waitFor();

  await go(member, info, "/my-data");
  await member.getByRole("link", { name: "What was said about it" }).first().click();
  await member.getByText("A refund without asking back: well done.").waitFor();
  await member.getByText("This recording shows you. You see every comment on it, and can answer.").waitFor();
  await member
    .getByRole("button", { name: /^Answer Tobias/ })
    .first()
    .click();
  await member
    .getByRole("textbox", { name: /^Answer to Tobias/ })
    .fill("Thank you. The shade was in the stock.");
  await member.getByRole("button", { name: "Answer", exact: true }).click();
  const answer = member.getByRole("article", { name: /^Juno/ });
  await answer.getByText("Thank you. The shade was in the stock.").waitFor();
  assert.equal(await member.getByRole("button", { name: /^Delete the comment of/ }).count(), 0);
  await answer.hover();
  await answer.getByRole("button", { name: "Change your comment" }).click();
  await member.getByRole("textbox", { name: "Your comment" }).fill("Thank you. The shade was in stock.");
  await member.getByRole("button", { name: "Keep the change" }).click();
  await answer.getByText(/, changed$/).waitFor();

  // A comment that was deleted is brought back by one key, and the next one is not.
  const mistake = boss.getByRole("article").filter({ hasText: "Said by mistake." });
  const remove = async () => {
    await mistake.hover();
    await mistake.getByRole("button", { name: "Delete your comment" }).click();
    await mistake.waitFor({ state: "detached" });
  };
  await remove();
  await boss.keyboard.press("z");
  await mistake.waitFor();
  await remove();
  await openScreen(boss, info, screen, "?t=7000&side=comments");
  await boss.getByText("Thank you. The shade was in stock.").waitFor();
  assert.equal(await mistake.count(), 0, "what was deleted is there again");
  await takePictures(t, boss, "comments");
  // The list leads to the moment.
  await boss.getByRole("button", { name: "Go to 00:07" }).click();
}

/** Cut out by keys and from the field, played alone by its address. */
async function clips({ t, info, boss, screen, visit }) {
  await openScreen(boss, info, screen, "?t=2000&side=clips");
  await boss.getByText(/^No clip was made of this recording/).waitFor();
  await takePictures(t, boss, "clips-empty");
  const title = boss.getByRole("textbox", { name: "Title of the new clip" });
  const make = boss.getByRole("button", { name: "Make a clip" });
  await boss.keyboard.press("i");
  for (let second = 0; second < 6; second += 1) await boss.keyboard.press("ArrowRight");
  await boss.keyboard.press("o");
  await title.fill("The refund");
  await make.click();
  const first = boss.getByRole("listitem").filter({ hasText: "The refund" });
  await first.getByText("00:02 to 00:08, 00:06 long, by you").waitFor();
  // The same from the field.
  const end = (which) =>
    boss.getByRole("button", { name: new RegExp(`mark the ${which} of a clip at the playhead`) });
  await end("beginning").click();
  await boss.keyboard.press("Escape");
  await boss.locator("body").press("ArrowRight");
  await boss.locator("body").press("ArrowRight");
  await end("end").click();
  await title.fill("A pause");
  await make.click();
  await boss.getByText("00:08 to 00:10, 00:02 long, by you").waitFor();
  await boss.getByRole("button", { name: "Change the title of A pause" }).click();
  await boss.getByRole("textbox", { name: "Title of the clip" }).fill("Waiting for the answer");
  await boss.getByRole("button", { name: "Keep", exact: true }).click();
  await boss.getByText("Waiting for the answer").waitFor();
  await takePictures(t, boss, "clips");

  await boss.getByRole("link", { name: "Play The refund alone" }).click();
  await boss.waitForURL(/[?&]clip=clp_/);
  await boss.getByText("Plays alone").waitFor();
  await takePictures(t, boss, "clip");
  const address = boss.url();
  await go(boss, info, "/recordings");
  await boss.goto(address);
  await boss.getByText("Plays alone").waitFor();
  await waitFor("the clip to stand at its beginning", async () =>
    /^00:0[2-8]\.\d$/.test(await boss.locator(".clock b").innerText()),
  );

  // Of a page the same.
  await openPlayer(boss, info, visit, { atMs: 5000 });
  await boss.keyboard.press("i");
  for (let second = 0; second < 10; second += 1) await boss.keyboard.press("ArrowRight");
  await boss.keyboard.press("o");
  await title.fill("How it began");
  await make.click();
  await boss.getByText("00:05 to 00:15, 00:10 long, by you").waitFor();
}

/** Adds what the player shows to the playlist that is named, or to a new one. */
async function add(page, button, list, isNew = false) {
  await button.click();
  const dialog = page.getByRole("dialog");
  if (isNew) {
    await dialog.getByRole("textbox", { name: /new playlist/ }).fill(list);
    await dialog.getByRole("button", { name: "Make it and add" }).click();
  } else await dialog.getByRole("button", { name: list }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText(`It stands at the end of ${list}.`).waitFor();
}

/** Made in the player, put in order by keys; what somebody does not see is told as a number, and is never lost. */
async function playlist({ t, api, info, boss, lead, screen, visit, other }) {
  const LIST = "For newcomers";
  const whole = (page) => page.getByRole("button", { name: "Add the whole recording to a playlist…" });
  await openPlayer(boss, info, other);
  await side(boss, "Clips").click();
  await add(boss, whole(boss), LIST, true);
  await openPlayer(boss, info, visit);
  await side(boss, "Clips").click();
  await add(boss, boss.getByRole("button", { name: "Add… How it began to a playlist" }), LIST);
  await openScreen(boss, info, screen, "?side=clips");
  await boss.getByRole("button", { name: "Add… The refund to a playlist" }).click();
  await boss.getByRole("dialog").getByRole("button", { name: LIST }).waitFor();
  await takePictures(t, boss, "add");
  await boss.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await add(boss, boss.getByRole("button", { name: "Add… The refund to a playlist" }), LIST);
  await add(boss, whole(boss), LIST);

  await go(boss, info, "/recordings/playlists");
  await boss.getByRole("link", { name: new RegExp(LIST) }).waitFor();
  await takePictures(t, boss, "playlists");
  await boss.getByRole("link", { name: new RegExp(LIST) }).click();
  await boss.getByRole("heading", { name: LIST }).waitFor();
  const titles = (page) => page.locator("ol.order b").allInnerTexts();
  const before = await titles(boss);
  assert.deepEqual([before.length, before[1], before[2]], [4, "How it began", "The refund"]);
  await takePictures(t, boss, "playlist");
  // J leads to the next item, Alt and an arrow moves it, and it keeps the focus.
  for (let n = 0; n < 3; n += 1) await boss.keyboard.press("j");
  await boss.keyboard.press("Alt+ArrowUp");
  await boss.getByText("The refund is now 2 of 4.").waitFor();
  await boss.keyboard.press("Alt+ArrowUp");
  await boss.getByText("The refund is now 1 of 4.").waitFor();
  const order = [before[2], before[0], before[1], before[3]];
  assert.deepEqual(await titles(boss), order);
  const { items } = await api.get("/playlists");
  const list = items.find(({ title }) => title === LIST);
  const keptAs = async () => (await api.get(`/playlists/${list.id}`)).items.map(({ id }) => id);
  await waitFor("the order to be kept", async () => (await keptAs())[1] === other);
  await boss.reload();
  await boss.getByRole("heading", { name: LIST }).waitFor();
  await waitFor("the order to stand there again", async () => (await titles(boss)).join() === order.join());

  // Mirel sees what she may watch, and how much there is besides.
  await go(lead, info, `/recordings/playlists/${list.id}`);
  await lead.getByText("There is 1 more that you may not watch.").waitFor();
  assert.deepEqual(await titles(lead), [before[2], before[1], before[3]]);
  assert.equal(await lead.getByRole("button", { name: /^Move|^Take/ }).count(), 0, "she may change it");
  await takePictures(t, lead, "playlist-hidden");

  // What its maker does not see at the moment stays in its place through a change.
  const all = await keptAs();
  await api.post(`/recordings/${other}/delete`);
  await boss.reload();
  await boss.getByText("There is 1 more that you may not watch.").waitFor();
  await boss.getByRole("button", { name: "Move How it began up" }).click();
  await boss.getByText("How it began is now 1 of 3.").waitFor();
  await waitFor("the order to be kept", async () => (await keptAs())[0] === all[2]);
  await boss.getByRole("button", { name: "Change the title" }).click();
  await boss.getByRole("textbox", { name: "Title of the playlist" }).fill("For whoever is new");
  await boss.getByRole("button", { name: "Keep", exact: true }).click();
  await boss.getByRole("heading", { name: "For whoever is new" }).waitFor();
  await api.post(`/recordings/${other}/restore`);
  assert.deepEqual(await keptAs(), [all[2], all[0], all[1], all[3]], "what was hidden is lost, or elsewhere");

  // Played through: from one item to the next.
  await boss.reload();
  await boss.getByRole("link", { name: "Play all" }).click();
  const from = boss.getByRole("navigation", { name: "Playlist For whoever is new" });
  await from.getByText("1 of 4").waitFor();
  await takePictures(t, boss, "from-list");
  await from.getByRole("link", { name: /^Next/ }).click();
  await from.getByText("2 of 4").waitFor();
}

/** Asked for with a note, done by somebody else, and told so. */
async function reviews({ t, info, boss, lead, screen, visit }) {
  await openScreen(boss, info, screen);
  await boss.getByRole("button", { name: "Mark for review…" }).click();
  const dialog = boss.getByRole("dialog");
  await dialog.getByLabel("What to look for").fill("Whether the refund was allowed");
  await takePictures(t, boss, "review-ask");
  await dialog.getByRole("button", { name: "Mark for review" }).click();
  await boss.getByText("waits for review").waitFor();
  await takePictures(t, boss, "review-asked");
  await openPlayer(boss, info, visit);
  await boss.getByRole("button", { name: "Mark for review…" }).click();
  await dialog.getByRole("button", { name: "Mark for review" }).click();
  await boss.getByText("waits for review").waitFor();

  await go(lead, info, "/recordings/review");
  await lead.getByText("“Whether the refund was allowed”").waitFor();
  await takePictures(t, lead, "review");
  const row = lead.getByRole("listitem").filter({ hasText: "Whether the refund was allowed" });
  await row.getByRole("button", { name: /^Reviewed/ }).click();
  await row.waitFor({ state: "detached" });
  await lead.getByRole("button", { name: "Reviewed", exact: true }).click();
  await lead.getByText(/^Reviewed by Mirel Hadley/).waitFor();
  await takePictures(t, lead, "review-done");
  await openScreen(boss, info, screen);
  await boss.getByText("reviewed", { exact: true }).waitFor();
  await go(boss, info, "/recordings/review?state=done");
  await boss.getByText(/^Reviewed by Mirel Hadley/).waitFor();
}

/** A month of somebody: what was recorded on which day, and months without anything. */
async function calendar({ t, info, lead, juno, idOf }) {
  await go(lead, info, `/people?open=${idOf(juno)}`);
  await lead.getByRole("button", { name: "On which days they were recorded" }).click();
  const days = lead.getByRole("region", { name: /^Calendar of Juno/ });
  await days.getByText(/^2 recordings on 1 day, 5\d s in all\./).waitFor();
  await takePictures(t, lead, "calendar");
  await days.getByRole("button", { name: "The month before" }).click();
  await days.getByText("Nothing was recorded in this month.").waitFor();
  await takePictures(t, lead, "calendar-empty");
  await days.getByRole("button", { name: "The month after" }).click();
  await days.getByRole("link").first().click();
  await lead.waitForURL(/\/recordings\?.*day=\d{4}-\d\d-\d\d/);
  await waitFor("the list of that day", async () => (await lead.locator("a[data-row]").count()) === 2);
  await takePictures(t, lead, "day");
}

/** What is said where the server is busy; and that it is there as soon as the server answers again. */
async function unreadable({ t, info, boss, lead, screen, juno, idOf }) {
  const busy = {
    status: 503,
    headers: { "content-type": "application/problem+json" },
    body: JSON.stringify({
      type: "urn:clerestory:problem:busy",
      title: "The server is busy",
      status: 503,
      detail: "It has more to do than it can.",
      what_to_do: "Try again in a moment.",
      request_id: "req_0123456789abcdef",
    }),
  };
  const ask = { comments: /\/comments$/, clips: /\/recordings\/[^/]+\/clips$/ };
  const there = { comments: "A refund without asking back: well done.", clips: "Waiting for the answer" };
  for (const name of ["comments", "clips"]) {
    await boss.route(ask[name], (route) => route.fulfill(busy));
    await openScreen(boss, info, screen, `?t=7000&side=${name}`);
    await boss.getByText(`The ${name} could not be read.`).waitFor();
    await takePictures(t, boss, `${name}-failed`);
    await boss.unroute(ask[name]);
    await boss.getByRole("button", { name: "Try now" }).click();
    await boss.getByText(there[name]).waitFor();
  }
  const month = /\/people\/[^/]+\/calendar\?/;
  await lead.route(month, (route) => route.fulfill(busy));
  await go(lead, info, `/people?open=${idOf(juno)}`);
  await lead.getByRole("button", { name: "On which days they were recorded" }).click();
  await lead.getByText(/The calendar could not be read/).waitFor();
  await takePictures(t, lead, "calendar-failed");
  await lead.unroute(month);
}

/** A film of the screen, for whoever proves who they are. */
async function film({ t, info, boss, screen }) {
  const [admin] = people(info);
  await openScreen(boss, info, screen);
  await boss.getByRole("button", { name: "Export as MP4…" }).click();
  const dialog = boss.getByRole("dialog");
  await dialog.getByLabel("Why it leaves").fill("For the training of June");
  await takePictures(t, boss, "export");
  const download = boss.waitForEvent("download", { timeout: 60_000 });
  await dialog.getByRole("button", { name: "Export" }).click();
  const saved = dialog.getByText(/is with your browser's downloads\.$/);
  const proof = dialog.getByLabel("Your password, or a code of your app");
  await saved.or(proof).waitFor({ timeout: 60_000 });
  if (await proof.isVisible()) await prove(dialog, admin.password, "Export");
  const file = readFileSync(await (await download).path());
  assert.equal(file.toString("latin1", 4, 8), "ftyp", "it is no MP4");
  assert.ok(file.length > 10_000, `a film of ${file.length} bytes`);
  await saved.waitFor();
  await takePictures(t, boss, "exported");
  t.say(`a film of ${SCREEN_S} s has ${file.length} bytes`);
}

/** The same server where there is no `ffmpeg`: what is missing, and who does what about it. */
async function withoutFfmpeg({ t, info, server, boss, screen }) {
  await server.stop();
  const bare = await startServer({
    place: server.place,
    port: info.port,
    env: { CLERESTORY_FFMPEG: "/nowhere/ffmpeg" },
  });
  try {
    // Each start of the demo gives its people new passwords.
    await signInAs(boss, bare.info, people(bare.info)[0]);
    await openScreen(boss, info, screen);
    await boss.getByRole("button", { name: "Export as MP4…" }).click();
    await boss.getByRole("heading", { name: "The server cannot make the file yet" }).waitFor();
    await boss.getByText(/CLERESTORY_FFMPEG/).waitFor();
    await takePictures(t, boss, "export-no-ffmpeg");
  } finally {
    await bare.stop();
  }
}
