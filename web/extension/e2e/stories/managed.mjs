/**
 * Stands for a browser that an organisation set up: its person joins with one click and without a link, that one server
 * and no other, under the name that was chosen; the code is not offered twice; and no more pictures are taken than told.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { Managed } from "../lib/managed.mjs";
import { readTrack } from "../lib/media.mjs";
import { begin, openPopup, popupSays, statusOf } from "../lib/person.mjs";

const FRAMES_PER_SECOND = 3;
const RECORDED_MS = 8000;

async function openSetup({ context, id }) {
  const setup = await context.newPage();
  await setup.goto(`chrome-extension://${id}/setup.html`);
  return setup;
}

async function join(browser, receiver, say) {
  const popup = await openPopup(browser);
  const opened = browser.context.waitForEvent("page");
  const offered = popup.getByRole("button", { name: `Join ${receiver.origin}` });
  await offered.click().catch(popupSays(popup));
  const setup = await opened;
  const label = setup.getByLabel("Name of this browser");
  assert.equal(await label.inputValue(), "Till 4");
  assert.equal(await label.isEditable(), false, "its name is not the person's to choose");

  const link = setup.getByLabel("Link to join");
  const given = await link.inputValue();
  await link.fill(`https://elsewhere.example/enrol#code=${receiver.code()}`);
  await setup.getByRole("button", { name: "Join" }).click();
  await setup.getByText(`Your organisation allows this browser to join ${receiver.origin} only.`).waitFor();
  assert.equal(receiver.recorders.size, 0);
  say("no other server can be joined");

  await link.fill(given);
  await setup.getByRole("button", { name: "Join" }).click();
  await setup.getByText("Joined Fernwick").waitFor();
  assert.equal(receiver.label, "Till 4");
  await setup.close();
  await popup.close().catch(() => {});
  say("joined by one click, without a link");
}

async function record(browser, receiver, { pages, say }) {
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  await page.evaluate(() => {
    let turn = 0;
    const draw = () => {
      document.getElementById("count").textContent = String(turn++);
      requestAnimationFrame(draw);
    };
    draw();
  });
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await pause(RECORDED_MS);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("the end to be told", () => receiver.ends.length > 0, { timeoutMs: 60_000 });
  const [{ segments }] = receiver.runs.values();
  const chunks = readTrack(segments.video).flatMap((segment) => segment.chunks);
  const seconds = (chunks.at(-1).timestampUs - chunks[0].timestampUs) / 1_000_000;
  const rate = (chunks.length - 1) / seconds;
  assert.ok(seconds > 4, `${seconds} s were recorded`);
  assert.ok(rate <= FRAMES_PER_SECOND * 1.1, `${rate.toFixed(1)} pictures a second of ${FRAMES_PER_SECOND}`);
  say(`${rate.toFixed(1)} pictures a second of at most ${FRAMES_PER_SECOND}`);
  return popup;
}

export async function run({ receiver, pages, start, extension, place, say }) {
  const settings = {
    server: receiver.origin,
    label: "Till 4",
    code: receiver.code(),
    frames_per_second: FRAMES_PER_SECOND,
  };
  const managed = new Managed(place, extension, settings);
  const browser = await start({ executable: managed.executable });
  await join(browser, receiver, say);
  const popup = await record(browser, receiver, { pages, say });

  const fix = (server) => {
    managed.set({ ...settings, server });
    return waitFor(
      `the browser to notice ${server}`,
      async () => (await popup.evaluate(() => chrome.storage.managed.get())).server === server,
      { timeoutMs: 60_000 },
    );
  };
  await fix("https://new.example");
  await popup.getByRole("button", { name: "Record", exact: true }).click();
  await popup.getByText("Your organisation allows this browser another server").first().waitFor();
  assert.equal((await statusOf(popup)).phase, "idle");
  say("the organisation fixed another server: nothing is recorded for the one before");

  await fix(receiver.origin);
  await popup.close();
  const setup = await openSetup(browser);
  await setup.getByRole("button", { name: "Leave" }).click();
  await setup.getByText("Join your organisation").waitFor({ timeout: 30_000 });
  const after = await openPopup(browser);
  await after.getByText("This browser has not joined an organisation.").waitFor();
  assert.equal(await after.getByRole("button", { name: /^Join https?:/ }).count(), 0);
  say("left: the code that was used is not offered again");
}
