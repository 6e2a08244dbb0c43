// An empty directory becomes an installation in the browser: by the link that the server printed somebody makes the
// organisation and is its Admin, invites somebody by mail, makes them Manager of two people only, and sees exactly what
// they opened.
import assert from "node:assert/strict";
import { Api } from "../lib/api.mjs";
import { codeAt } from "../lib/authenticator.mjs";
import { openPlayer } from "../lib/console.mjs";
import { pageEvents } from "../lib/events.mjs";
import { binary } from "../lib/paths.mjs";
import { comeIn } from "../lib/people.mjs";
import { takePictures } from "../lib/pictures.mjs";
import { workspace } from "../lib/server.mjs";
import { serveInstalled, startMailbox } from "../lib/services.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "first-run";
export const limitMs = 5 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 } };
const PASSWORD = "clear glass above the aisle";

export async function run(t) {
  const place = workspace();
  const mailbox = await startMailbox();
  try {
    const server = await serveInstalled({ bin: binary, root: place.root, env: mailbox.environment });
    try {
      await begin(t, server.info, mailbox);
    } finally {
      await server.stop();
    }
  } finally {
    await mailbox.stop();
  }
}

async function begin(t, info, mailbox) {
  const browser = await t.browser();
  const errors = [];
  const newPage = async () => {
    const page = await (await browser.newContext(DESK)).newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    return page;
  };
  const page = await newPage();
  await makeOrganisation(t, page, info);
  const site = await makeSite(t, page, info);
  await comeBack(t, page, info);

  const mara = await newPage();
  await invite(page, info, { name: "Mara Lindqvist", email: "mara@fernwick.example", role: "Manager" });
  await comeIn(mara, await mailedLink(mailbox, "mara@fernwick.example"), PASSWORD);
  // Two people report to her, and one to nobody.
  for (const [who, reportsTo] of Object.entries({
    Ada: "Mara Lindqvist",
    Ben: "Mara Lindqvist",
    Cleo: "nobody",
  })) {
    const email = `${who.toLowerCase()}@fernwick.example`;
    await invite(page, info, { name: who, email, role: "Member", reportsTo });
  }
  await takePictures(t, page, "people");

  const api = new Api(info).withCookies((await page.context().cookies()).map((one) => [one.name, one.value]));
  const { items: everybody } = await api.get("/people");
  const idOf = (who) => everybody.find((person) => person.name === who).id;
  const recordings = {};
  await api.post("/session/step-up", { password: PASSWORD });
  for (const who of ["Ada", "Ben", "Cleo"]) {
    const { recording } = await api.post(`/sites/${site}/imports?about=${idOf(who)}`, pageEvents(who));
    recordings[who] = recording;
  }
  await managerOfTwo(t, mara, info, recordings);
  await seenByTheAdmin(t, page, { info, api, mara: idOf("Mara Lindqvist"), recordings });
  assert.deepEqual(errors, [], "the console threw");
}

/** By the printed link: the organisation, and whoever runs it. */
async function makeOrganisation(t, page, info) {
  assert.match(info.set_up, /\/set-up#token=/, "the server printed no link");
  await page.goto(`${info.console}/recordings`);
  await page.waitForURL(/\/sign-in/);
  await page.goto(info.set_up);
  await page.getByLabel("Organisation").fill("Fernwick Goods");
  await page.getByLabel("Your name").fill("Tobias Rask");
  await page.getByLabel("Your e-mail address").fill("tobias@fernwick.example");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByLabel("The same once more").fill("something else");
  await page.getByRole("button", { name: "Begin" }).click();
  await page.getByText("The two are not the same.").waitFor();
  assert.equal(new URL(page.url()).hash, "", "the token is still in the address");
  await page.getByLabel("The same once more").fill(PASSWORD);
  await takePictures(t, page, "door");
  await page.getByRole("button", { name: "Begin" }).click();
  await page.getByRole("heading", { name: "There is no site yet" }).waitFor();

  // The link made one organisation, and makes no second.
  const late = await (await page.context().browser().newContext(DESK)).newPage();
  await late.goto(info.set_up);
  for (const [label, text] of [
    ["Organisation", "Somebody else"],
    ["Your name", "Eve"],
    ["Your e-mail address", "eve@elsewhere.example"],
    ["Password", PASSWORD],
    ["The same once more", PASSWORD],
  ])
    await late.getByLabel(label).fill(text);
  await late.getByRole("button", { name: "Begin" }).click();
  await late.getByRole("alert").waitFor();
  assert.match(await late.getByRole("alert").innerText(), /Nothing was made yet\.\s+It was used/);
  await takePictures(t, late, "spent");
  await late.context().close();
}

/** The first site; its id. */
async function makeSite(t, page, info) {
  await page.goto(`${info.console}/recordings`);
  await page.getByText("Nothing has been recorded").waitFor();
  await takePictures(t, page, "nothing");
  await page.goto(`${info.console}/settings/sites`);
  await page.getByRole("button", { name: "Create a site" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Order desk");
  await dialog.getByLabel("Allowed origins").fill("https://desk.example");
  await dialog.getByRole("button", { name: "Create the site" }).click();
  await page.waitForURL(/\/settings\/sites\/sit_/);
  await page.getByText(/Waiting for your first event/).waitFor();
  await takePictures(t, page, "site");
  return /sit_[0-9a-f]{32}/.exec(page.url())?.[0];
}

/** Signing out and in again: an Admin who comes by a password sets up an app before anything else. */
async function comeBack(t, page, info) {
  await page.getByRole("button", { name: /your account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await page.waitForURL(/\/sign-in/);
  await page.getByLabel("E-mail address").fill("tobias@fernwick.example");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Your role needs a second factor.").waitFor();
  await page.getByRole("button", { name: "Set up an app" }).click();
  const secret = await page.locator(".enrol code").innerText();
  await takePictures(t, page, "app");
  await page.getByLabel("Six digits").fill(codeAt(secret, Date.now()));
  await page.getByRole("button", { name: "Use this app" }).click();
  await page.getByRole("button", { name: "I have written them down" }).click();
  await page.getByText(/recovery codes left/).waitFor();
  await page.goto(`${info.console}/recordings`);
  await page.getByText("Nothing has been recorded").waitFor();
}

async function invite(page, info, { name: who, email, role, reportsTo }) {
  await page.goto(`${info.console}/people`);
  await page.getByRole("button", { name: "Invite somebody…" }).click();
  const dialog = page.getByRole("dialog").or(page.getByRole("alertdialog"));
  await dialog.getByLabel("Name").fill(who);
  await dialog.getByLabel("E-mail address").fill(email);
  await dialog.getByText(role, { exact: true }).click();
  if (reportsTo) {
    await dialog.getByRole("option", { name: reportsTo }).waitFor({ state: "attached" });
    await dialog.getByLabel("Reports to").selectOption(reportsTo);
  }
  await dialog.getByRole("button", { name: "Invite" }).click();
  await dialog.getByText(`A mail with a link is on its way to ${email}.`).waitFor();
  assert.equal(await dialog.getByText("#token=").count(), 0, "whoever invites is shown the link");
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("row", { name: new RegExp(who) }).waitFor();
}

/** The link in the mail that somebody got. */
async function mailedLink(mailbox, email) {
  const mail = await waitFor(
    `a mail to ${email}`,
    () => mailbox.mails.find((one) => one.to.includes(email)),
    { timeoutMs: 30_000 },
  );
  const link = /http\S+\/join#token=\S+/.exec(mail.text)?.[0];
  assert.ok(link, `no link is in the mail: ${mail.text}`);
  return link;
}

/** What she sees: herself and two others, their recordings, and nothing of the third. */
async function managerOfTwo(t, mara, info, recordings) {
  await mara.goto(`${info.console}/people`);
  await mara.getByRole("button", { name: "Ada", exact: true }).waitFor();
  const opens = mara.getByRole("table").getByRole("button");
  const seen = await opens.evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
  assert.deepEqual(seen.sort(), ["Ada", "Ben", "Mara Lindqvist"], "she sees other people than her two");
  await mara.goto(`${info.console}/recordings`);
  await mara.locator(`[data-row="${recordings.Ada}"]`).waitFor();
  const rows = await mara.locator("a[data-row]").evaluateAll((all) => all.map((one) => one.dataset.row));
  assert.deepEqual(rows.sort(), [recordings.Ada, recordings.Ben].sort(), "the list is not that of her two");
  await takePictures(t, mara, "two");
  await openPlayer(mara, info, recordings.Ada);
  await mara.goto(`${info.console}/recordings/${recordings.Cleo}`);
  await mara.getByText("There is nothing here").waitFor();
}

/** What the Admin sees of it: the one recording she opened, and the one she tried. */
async function seenByTheAdmin(t, page, { info, api, mara, recordings }) {
  await page.goto(`${info.console}/people?open=${mara}`);
  await page.getByRole("link", { name: "What they did, in the audit log" }).click();
  await page.getByText("recording play").first().waitFor();
  await takePictures(t, page, "what-she-did");
  const played = (await api.get(`/audit?actor=${mara}&action=recording.play&limit=100`)).items;
  const of = (outcome) => [
    ...new Set(played.filter((entry) => entry.outcome === outcome).map((entry) => entry.object.id)),
  ];
  assert.deepEqual(of("allowed"), [recordings.Ada], "the log tells of something else than what she opened");
  await page.goto(`${info.console}/trust/watched`);
  const looks = page.locator(".looks");
  await looks.getByText("Mara Lindqvist").waitFor();
  assert.equal(await looks.count(), 1, "another recording stands among those that were watched");
  assert.equal(await looks.getByText("Ada", { exact: true }).count(), 1, "another's recording stands there");
  await takePictures(t, page, "watched");
}
