// What a recorded person may ask for: to see what is held, to have it, that recordings be erased, to be erased. Each is answered by an officer for
// privacy or an Admin, with its date in sight; a refusal says why; the file opens as a page of its own, without a network.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { openPlayer, shareSession } from "../lib/console.mjs";
import { pageEvents } from "../lib/events.mjs";
import { inRole, people, prove, signInAs } from "../lib/people.mjs";
import { takePictures } from "../lib/pictures.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "requests";
export const limitMs = 5 * 60_000;
const DESK = { viewport: { width: 1440, height: 900 }, acceptDownloads: true };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The day so many calendar months after a moment, in UTC, as the console writes it; the last of a shorter month. */
function monthsAfter(iso, months) {
  const at = new Date(iso);
  const first = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  const day = Math.min(at.getUTCDate(), last);
  return `${day} ${MONTHS[first.getUTCMonth()]} ${first.getUTCFullYear()}`;
}

export async function run(t) {
  const { api, info, server } = await t.signedIn();
  const [admin] = people(info);
  const [juno, mirel] = [inRole(info, "member"), inRole(info, "manager")];
  const { items } = await api.get("/people");
  const idOf = ({ email }) => items.find((person) => person.email === email).id;
  await api.put(`/people/${idOf(mirel)}/roles`, { role: "member", also: ["privacy"] });
  const site = await api.shopSite();
  const events = pageEvents("a basket of socks", { seconds: 12 });
  const about = `/sites/${site.id}/imports?about=${idOf(juno)}`;
  await api.prove();
  const { recording } = await api.post(about, events);

  const browser = await t.browser();
  const errors = [];
  const open = async (who) => {
    // Dates are told in the browser's own zone; so they can be worked out here.
    const context = await browser.newContext({ ...DESK, timezoneId: "UTC" });
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    if (who === admin) {
      await shareSession(context, api, info);
      await page.goto(`${info.console}/recordings`);
    } else await signInAs(page, info, who);
    return page;
  };
  const [member, officer, boss] = [await open(juno), await open(mirel), await open(admin)];
  const places = { t, api, info, root: server.place.root, member, officer, boss };

  // Somebody watched, which is part of what is held.
  await openPlayer(boss, info, recording);
  await boss.goto(`${info.console}/trust/requests`);
  await boss.getByRole("heading", { name: "Nobody has asked" }).waitFor();

  // Those who answer nobody are told why they see no list.
  await member.goto(`${info.console}/trust/requests`);
  await member.getByRole("alert").waitFor();
  const refusal = await member.getByRole("alert").innerText();
  assert.match(refusal, /rule/, "the refusal names no rule");
  assert.match(refusal, /on record as entry [\d,]+/, "the refusal names no entry");

  await member.goto(`${info.console}/my-data`);
  await access(places, { label: juno.name, recording });
  await exported(places, { label: juno.name, recording });
  await recordingsErased(places, { label: juno.name, officer: mirel });
  await api.post(about, events);
  await erased(places, { label: juno.name });
  assert.deepEqual(errors, [], "the console threw");
}

async function ask(page, what, words) {
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: what }).click();
  if (words) await dialog.getByLabel("Anything to say about it").fill(words);
  await dialog.getByRole("button", { name: "Ask" }).click();
  await dialog.waitFor({ state: "detached" });
}

/** The request of a kind, in one's own list. */
const asked = (page, kind) => page.locator(".asked", { hasText: kind }).first();

/** Saves the file of a request, unpacks it, opens the page in it without a network, and lists what came with it. */
async function unpacked({ t, root, member }, kind) {
  const save = asked(member, kind).getByRole("link", { name: /^Save it, until/ });
  const [file] = await Promise.all([member.waitForEvent("download"), save.click()]);
  const folder = path.join(root, `unpacked-${kind.replaceAll(/\W+/g, "-")}`);
  mkdirSync(folder);
  const run = spawnSync("python3", ["-m", "zipfile", "-e", await file.path(), folder], { encoding: "utf8" });
  assert.equal(run.status, 0, `the zip file does not open: ${run.stderr}`);
  const context = await member
    .context()
    .browser()
    .newContext({ viewport: { width: 1000, height: 900 } });
  await context.setOffline(true);
  const page = await context.newPage();
  const wrong = [];
  page.on("requestfailed", (request) => wrong.push(request.url()));
  page.on("console", (message) => wrong.push(message.text()));
  await page.goto(pathToFileURL(path.join(folder, "index.html")).href);
  await takePictures(t, page, `file-${kind.replaceAll(/\W+/g, "-")}`);
  const text = await page.locator("body").innerText();
  await context.close();
  assert.deepEqual(wrong, [], "the page in the file asked for something, or complained");
  const names = readdirSync(folder, { recursive: true }).map(String);
  return { folder, text, names };
}

/** To see what is held: answered at once, by nobody. */
async function access(places, { label, recording }) {
  const { member, boss } = places;
  await ask(member, "See what is held");
  const request = asked(member, "To see what is held");
  await request.getByText("done", { exact: true }).waitFor();
  const { text, names } = await unpacked(places, "To see what is held");
  assert.match(text, new RegExp(`What Fernwick Goods holds about ${label}`));
  for (const told of ["juno@fernwick.example", "Sessions that run", "Settings in force", "Who looked"]) {
    assert.ok(text.includes(told), `the page does not say ${told}`);
  }
  assert.match(text, /Tobias Rask/, "who looked is not on the page");
  assert.ok(!names.some((one) => one.startsWith("recordings")), "what is shown was not asked for");
  assert.ok(text.includes("One recording is about you."), text);
  // Nobody has to answer it, and it stands in the list of those who would.
  await boss.getByRole("button", { name: "Look again" }).click();
  await boss.getByRole("row", { name: new RegExp(`${label} To see what is held.*done`) }).waitFor();
  assert.ok(recording.startsWith("rec_"));
}

/** To have it: it takes longer, with a reason that whoever asked reads, and is then done. */
async function exported(places, { label, recording }) {
  const { t, api, info, member, officer } = places;
  await ask(member, "Have it as a file", "for the works council");
  const request = asked(member, "To have it as a file");
  const { items } = await api.get("/requests");
  const due = items.find((item) => item.kind === "export");
  const inOne = monthsAfter(due.asked_at, 1);
  await request.getByText(`you are answered by ${inOne}.`).waitFor();
  await takePictures(t, member, "asked");

  await officer.goto(`${info.console}/trust/requests`);
  await officer
    .getByRole("row", { name: new RegExp(`${label} To have it as a file.*due in \\d+ d`) })
    .waitFor();
  await officer.getByRole("button", { name: `To have it as a file, ${label}` }).click();
  await officer.getByText(`Due on ${inOne}`).waitFor();
  await officer.getByText("for the works council").waitFor();
  const longer = officer.getByRole("button", { name: "Take two months longer" });
  assert.ok(await longer.isDisabled(), "nobody is told why it takes longer");
  await officer.getByLabel("What they are told").fill("We wait for the archive of spring.");
  await takePictures(t, officer, "to-decide");
  await longer.click();
  const inThree = monthsAfter(due.asked_at, 3);
  await officer.getByText(`Due on ${inThree}`).waitFor();
  assert.equal(await longer.count(), 0, "it may take longer a second time");

  await member.reload();
  await request.getByText("It takes longer: We wait for the archive of spring.").waitFor();
  await request.getByText(`you are answered by ${inThree}.`).waitFor();
  await officer.getByLabel("What they are told").fill("Here it is.");
  await officer.getByRole("button", { name: "Do what is asked" }).click();
  await officer.getByText(/Decided by Mirel Hadley on .*: Here it is\./).waitFor();
  await officer.getByText(/They have it in their My data until/).waitFor();
  await member.reload();
  await request.getByText("Here it is.").waitFor();
  const { folder, text, names } = await unpacked(places, "To have it as a file");
  const shown = names.find((one) => one.startsWith(`recordings/${recording}/`) && one.endsWith(".json"));
  assert.ok(shown, `what the recording shows is not in the file: ${names}`);
  const stored = JSON.parse(readFileSync(path.join(folder, shown), "utf8"));
  assert.ok(Array.isArray(stored) && stored.length > 10, "the events are not in the file");
  assert.ok(text.includes(shown), "the page does not lead to what the recording shows");
}

/** To have recordings erased: proposed by one, agreed to by another; whoever asked stays who they are. */
async function recordingsErased({ t, info, member, officer, boss }, { label, officer: { password } }) {
  const what = "To have recordings erased";
  await ask(member, "Have recordings erased", "all of spring");
  await officer.getByRole("button", { name: "Look again" }).click();
  await officer.getByRole("button", { name: `${what}, ${label}` }).click();
  await officer.getByText("all of spring").waitFor();
  const propose = officer.getByRole("button", { name: "Propose to erase their recordings" });
  await propose.click();
  await prove(officer, password, "Propose to erase their recordings");
  await officer.getByText("Proposed, and nothing is erased yet.").waitFor();
  await boss.getByRole("button", { name: "Look again" }).click();
  await boss.getByRole("button", { name: `${what}, ${label}` }).click();
  await boss.getByRole("link", { name: "Decide about it" }).click();
  const proposal = boss.getByRole("article", { name: `Every recording about ${label}` });
  await proposal.getByText(/is to be erased: 1 recording\. Proposed by/).waitFor();
  await takePictures(t, boss, "recordings-proposed");
  await proposal.getByRole("button", { name: "Agree and erase…" }).click();
  const dialog = boss.getByRole("dialog").or(boss.getByRole("alertdialog"));
  await dialog.getByRole("button", { name: "Agree and erase" }).click();
  await dialog.waitFor({ state: "detached" });
  await boss.getByText("Every recording about one person").first().waitFor();
  await member.reload();
  await asked(member, what).getByText("being erased", { exact: true }).waitFor();
  await boss.goto(`${info.console}/trust/requests`);
}

/** To be erased: declined with a reason at first, then proposed by one and agreed to by another. */
async function erased(places, { label }) {
  const { t, api, info, member, officer, boss } = places;
  const dialog = boss.getByRole("dialog").or(boss.getByRole("alertdialog"));
  await ask(member, "Have it erased");
  await officer.getByRole("button", { name: "Look again" }).click();
  await officer.getByRole("button", { name: `To be erased, ${label}` }).click();
  const decline = officer.getByRole("button", { name: "Decline" });
  assert.ok(await decline.isDisabled(), "it is declined without a reason");
  await officer.getByLabel("What they are told").fill("A complaint of yours is being looked at.");
  await decline.click();
  await officer.getByText(/Decided by Mirel Hadley/).waitFor();
  await member.reload();
  await asked(member, "To be erased").getByText("declined", { exact: true }).waitFor();
  await asked(member, "To be erased").getByText("A complaint of yours is being looked at.").waitFor();
  await takePictures(t, member, "declined");

  await ask(member, "Have it erased", "the complaint is settled");
  const open = officer.getByRole("row", { name: new RegExp(`${label} To be erased.*due in`) });
  await officer.getByRole("button", { name: "Look again" }).click();
  await open.getByRole("button").first().click();
  await officer.getByText("They have an account, so two decide.").waitFor();
  const propose = officer.getByRole("button", { name: "Propose to erase them" });
  // Who they are was proven a moment ago, when the recordings were proposed.
  await propose.click();
  await officer.getByText("Proposed, and nothing is erased yet.").waitFor();
  await takePictures(t, officer, "proposed");
  await member.reload();
  await asked(member, "To be erased").getByText("waits for a second person").waitFor();

  await boss.getByRole("button", { name: "Look again" }).click();
  await boss
    .getByRole("row", { name: new RegExp(`${label} To be erased.*waits for a second person`) })
    .getByRole("button")
    .first()
    .click();
  await boss.getByRole("link", { name: "Decide about it" }).click();
  await boss.getByText("1 recording and 1 account").waitFor();
  await boss.getByRole("button", { name: "Agree and erase…" }).click();
  // Who they are was proven a moment ago, when the recording was brought in.
  await dialog.getByRole("button", { name: "Agree and erase" }).click();
  await dialog.waitFor({ state: "detached" });

  // They are signed out, and those who answered see how far it is.
  await member.goto(`${info.console}/my-data`);
  await member.waitForURL(/\/sign-in/);
  await officer.getByRole("button", { name: "Look again" }).click();
  await officer.getByRole("link", { name: "Follow the erasure" }).click();
  await officer.getByText("Everything about one person").first().waitFor();
  await waitFor("the keys to be destroyed", async () => {
    const { items } = await api.get("/erasures");
    return items[0]?.destroyed_at !== null;
  });
  await takePictures(t, boss, "erased");
}
