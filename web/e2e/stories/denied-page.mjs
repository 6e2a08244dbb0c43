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
  const { id, started_at } = await onlyRecording(api);
  const startedMs = Date.parse(started_at);
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
  // A link on another page may lead there; what must not be told is that it was visited, or what stands on it.
  const events = await api.events(id);
  const pages = events.filter((event) => event.type === 4 || event.data?.tag === "clerestory.page");
  assert.ok(pages.length >= 4, "the pages around it are missing");
  assert.ok(!JSON.stringify(pages).includes("cards"), "the denied page is among the pages visited");
  const during = events.filter((event) => {
    if (event.data?.tag === "clerestory.gap") return false;
    const at = (event.timestamp - startedMs) * 1000;
    // A busy machine tells the end of the gap some time after the next page has begun.
    return at > gap.from_us + 200_000 && at < gap.to_us - 1_000_000;
  });
  assert.deepEqual(
    during.map((event) => `${event.type} at ${event.timestamp - startedMs} ms`),
    [],
    `something was captured in the gap from ${gap.from_us / 1000} to ${gap.to_us / 1000} ms`,
  );
  assert.equal((await api.recordings()).length, 1, "the visit went on in another recording");
  t.say(`a gap of ${(gap.to_us - gap.from_us) / 1e6} s`);
}
