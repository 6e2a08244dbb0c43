// Visits to the shop, by a person in a browser of their own.
import { waitFor } from "./wait.mjs";

/** Opens the shop and waits until the recorder says that it captures. */
export async function visitShop(context, info, path = "/index.html") {
  const page = await context.newPage();
  await page.goto(`${info.shop}${path}`);
  await waitForRecorder(page);
  return page;
}

/** Waits until the recorder of this page captures; says what it says instead when it does not. */
export async function waitForRecorder(page) {
  const state = () => page.evaluate(() => window.clerestory?.state ?? null);
  try {
    await waitFor("the recorder to capture", async () => (await state())?.phase === "capturing", {
      timeoutMs: 15_000,
    });
  } catch (error) {
    const told = await state().catch(() => "unreadable");
    throw new Error(`the recorder does not capture on ${page.url()}: ${JSON.stringify(told)}`, {
      cause: error,
    });
  }
}

/** The only recording there is, once it holds a segment. */
export function onlyRecording(api, timeoutMs = 10_000) {
  return waitFor(
    "the visit to be listed",
    async () => {
      const items = await api.recordings();
      return items.length > 0 && items[0].segments > 0 ? items[0] : null;
    },
    { timeoutMs, everyMs: 200 },
  );
}

/**
 * Waits until a segment has been taken in that reaches up to a moment (epoch milliseconds). Something must have happened
 * on the page at that moment or after: a page at rest sends nothing.
 */
export function capturedUntil(api, recording, epochMs, timeoutMs = 30_000) {
  return waitFor(
    "the server to hold everything up to that moment",
    async () => {
      const item = await api.get(`/recordings/${recording}`);
      // Not the duration: that of a visit that goes on grows by itself.
      const ends = item.tracks.flatMap(({ segments }) =>
        segments.map((one) => one.start_us + one.duration_us),
      );
      return Date.parse(item.started_at) + Math.max(0, ...ends) / 1000 >= epochMs ? item : null;
    },
    { timeoutMs, everyMs: 250 },
  );
}
