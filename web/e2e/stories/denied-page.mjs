// Nothing of a page denied by an address rule is captured; the recording says so with a gap, and goes on after it.
import assert from "node:assert/strict";
import { onlyRecording, visitShop, waitForRecorder } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";

export const name = "denied-page";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const context = await browser.newContext();
  const page = await visitShop(context, info, "/account/index.html");
  await pause(1_500);
  await page.getByRole("link", { name: "Saved cards" }).click();
  await page.getByRole("heading", { name: "Saved cards" }).waitFor();
  await page.mouse.move(100, 100, { steps: 5 });
  await pause(3_000);
  await page.getByRole("link", { name: "Back to your account" }).click();
  await waitForRecorder(page);
  await page.mouse.wheel(0, 300);
  const { id } = await onlyRecording(api);
  const gap = await waitFor(
    "a gap that says url_denied",
    async () => {
      const { tracks } = await api.get(`/recordings/${id}`);
      return tracks.flatMap((track) => track.gaps).find((candidate) => candidate.reason === "url_denied");
    },
    { timeoutMs: 20_000, everyMs: 500 },
  );
  assert.ok(
    gap.to_us - gap.from_us > 2_500_000,
    `the gap lasts ${(gap.to_us - gap.from_us) / 1e6} s of about 3`,
  );
  const events = JSON.stringify(await api.events(id));
  assert.ok(!events.includes("cards.html"), "the address of the denied page is in the events");
  assert.equal((await api.recordings()).length, 1, "the visit went on in another recording");
  t.say(`a gap of ${(gap.to_us - gap.from_us) / 1e6} s`);
}
