/**
 * Stands for a browser that is killed again and again, at any moment: everything but the last moments of each run is
 * there in the end, in one recording. `--times` says how often, `SEED` when.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { processOf } from "../lib/browser.mjs";
import { readTrack } from "../lib/media.mjs";
import { begin, joinIn } from "../lib/person.mjs";
import { lookAt, probe } from "../lib/watch.mjs";

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** A segment that was not finished, and what waited to be judged. */
const MOST_LOST_MS = 4500;

/** A linear congruential generator (Numerical Recipes): the seed replays the run. */
function drawFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export async function run({ receiver, pages, start, profile, place, say, times }) {
  say(`seed ${SEED}`);
  const draw = drawFrom(SEED);
  const killed = [];
  for (let kill = 0; kill < times; kill += 1) {
    const browser = await start();
    if (kill === 0) await joinIn(browser, receiver);
    const page = browser.context.pages()[0];
    await page.goto(`${pages.shop}/`);
    await begin(browser, { readNotice: kill === 0 });
    await page.bringToFront();
    const isCut = draw() < 0.3;
    const { port } = receiver;
    if (isCut) await receiver.close();
    await pause(3000 + 6000 * draw());
    process.kill(processOf(profile), "SIGKILL");
    killed.push(Date.now());
    await browser.context.close().catch(() => {});
    if (isCut) await receiver.listen(port);
  }
  await start();
  const runs = [...receiver.runs.values()];
  const last = runs.at(-1);
  const endMs = () => readTrack(last.segments.video).at(-1).chunks.at(-1).timestampUs / 1000;
  await waitFor("the last run to be sent", () => killed.at(-1) - endMs() < MOST_LOST_MS, {
    timeoutMs: 90_000,
  });

  assert.equal(runs.length, times);
  assert.equal(new Set(runs.map(({ recording }) => recording)).size, 1, "one recording");
  const lost = runs.map((recorded, number) => {
    const seen = lookAt(place, recorded, `run-${number}`);
    const told = seen.chunks.map(
      ({ timestampUs, key, bytes }) => `${timestampUs}${key ? "*" : ""} ${bytes.length}`,
    );
    const shapes = seen.video.map(({ head }) => `${head.codec} ${head.width}×${head.height}`);
    const what = `every chunk is a picture in run ${number}: ${told.join(", ")}; ${shapes.join(", ")}`;
    assert.equal(seen.frames.length, seen.chunks.length, what);
    assert.deepEqual(
      probe(seen.file).map(({ codec_type: type }) => type),
      ["video", "audio"],
    );
    return Math.round(killed[number] - seen.chunks.at(-1).timestampUs / 1000);
  });
  assert.ok(Math.max(...lost) < MOST_LOST_MS, `lost ${lost.join(", ")} ms`);
  say(`${times} kills; before each was lost, in ms: ${lost.join(", ")}`);
}
