// An Admin invites somebody, makes them Manager of two people only, and sees in the log exactly what they opened.
import assert from "node:assert/strict";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { pageEvents } from "../lib/events.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "people";
const PASSWORD = "clear glass above the aisle";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const site = await api.shopSite();
  const browser = await t.browser();
  const owner = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(owner, api, info);
  const page = await owner.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));

  await page.goto(`${info.console}/people`);
  await page.getByRole("button", { name: "Invite somebody…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Mara Lindqvist");
  await dialog.getByLabel("E-mail address").fill("mara@fernwick.example");
  await dialog.getByText("Manager", { exact: true }).click();
  await page.screenshot({ path: t.picture("invite") });
  await dialog.getByRole("button", { name: "Invite" }).click();
  const shown = page.getByRole("alertdialog");
  const link = await shown.getByRole("code").textContent();
  assert.match(link ?? "", /\/join#token=/, "no link is shown");
  await shown.getByRole("button", { name: "Done" }).click();

  const mara = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  mara.on("pageerror", (error) => errors.push(error.message));
  await mara.goto(link);
  await mara.getByLabel("Password").fill(PASSWORD);
  await mara.getByLabel("The same once more").fill("something else");
  await mara.getByRole("button", { name: "Set it and come in" }).click();
  await mara.getByText("The two are not the same.").waitFor();
  await mara.screenshot({ path: t.picture("join") });
  assert.equal(new URL(mara.url()).hash, "", "the token is still in the address");
  await mara.getByLabel("The same once more").fill(PASSWORD);
  await mara.getByRole("button", { name: "Set it and come in" }).click();
  await mara.getByRole("heading", { name: /What Clerestory keeps about you, Mara/ }).waitFor();

  const recordings = {};
  await api.prove();
  for (const who of ["Ada", "Ben", "Cleo"]) {
    const email = `${who.toLowerCase()}@fernwick.example`;
    const { person } = await api.post("/people", { name: who, email, role: "member" });
    const path = `/sites/${site.id}/imports?about=${person.id}`;
    recordings[who] = (await api.post(path, pageEvents(who))).recording;
  }
  await page.reload();
  for (const who of ["Ada", "Ben"]) {
    await page.getByRole("button", { name: who, exact: true }).click();
    await page.getByRole("button", { name: "Change to whom they report…" }).click();
    await dialog.getByLabel("Reports to").selectOption("Mara Lindqvist");
    await dialog.getByRole("button", { name: "Change it" }).click();
    await dialog.waitFor({ state: "detached" });
    await page
      .getByRole("row", { name: new RegExp(`${who}.*Mara Lindqvist`) })
      .first()
      .waitFor();
  }
  await page.screenshot({ path: t.picture("people") });

  // Where the list does not show whom somebody reports to, leaving it as it is changes nothing.
  const line = (await api.get("/people")).items.find((person) => person.name === "Ada");
  await page.goto(`${info.console}/people?under=${line.manager}&open=${line.id}`);
  await page.getByRole("button", { name: "Change to whom they report…" }).click();
  await dialog.getByRole("option", { name: "Mara Lindqvist" }).waitFor({ state: "attached" });
  await dialog.getByRole("button", { name: "Change it" }).click();
  await dialog.waitFor({ state: "detached" });
  const after = (await api.get("/people")).items.find((person) => person.name === "Ada");
  assert.equal(after.manager, line.manager, "the line was cleared");

  // Taken away by mistake, and given back by one key.
  await page.goto(`${info.console}/people`);
  await page.getByRole("button", { name: "Ben", exact: true }).click();
  await page.getByRole("button", { name: "Take access away…" }).click();
  await dialog.getByRole("button", { name: "Take access away" }).click();
  await page.getByText("Ben has no access any more.").waitFor();
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("z");
  await page.getByText("Ben has access again, as before.").waitFor();
  const back = (await api.get("/people")).items.find((person) => person.name === "Ben");
  assert.equal(back.state, "invited", "Undo did not bring them back as they were");
  assert.equal(back.manager, line.manager);

  await mara.goto(`${info.console}/people`);
  await mara.getByRole("button", { name: "Ada", exact: true }).waitFor();
  const seen = await mara.getByRole("table").getByRole("button").allInnerTexts();
  assert.equal(seen.length, 3, "a Manager sees others than themselves and their two reports");
  await mara.goto(`${info.console}/recordings`);
  await mara.locator(`[data-row="${recordings.Ada}"]`).waitFor();
  assert.equal(await mara.locator("a[data-row]").count(), 2, "the list is not that of two reports");
  await openPlayer(mara, info, recordings.Ada);
  await mara.goto(`${info.console}/recordings/${recordings.Cleo}`);
  await mara.getByText("There is nothing here").waitFor();

  const { items: people } = await api.get("/people");
  const { id } = people.find((person) => person.name === "Mara Lindqvist");
  await page.goto(`${info.console}/people?open=${id}`);
  await page.getByRole("link", { name: "What they did, in the audit log" }).click();
  await page.getByText("recording play").first().waitFor();
  const opened = await waitFor("the log to tell of the play", async () => {
    const { items } = await api.get(`/audit?actor=${id}&action=recording.play&outcome=allowed`);
    return items.length > 0 ? items : null;
  });
  assert.deepEqual(
    [...new Set(opened.map((entry) => entry.object.id))],
    [recordings.Ada],
    "the log tells of something else than what was opened",
  );
  assert.deepEqual(errors, [], "the console threw");
}
