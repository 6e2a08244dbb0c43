/**
 * Stands for an organisation that names what may be captured, and nothing else may: a page that is not named is a gap, and
 * so is one that an exception takes out again.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../e2e/lib/wait.mjs";
import { CANARY, CANARY_WORD } from "../lib/pages.mjs";
import { begin, joinIn, openPopup, statusOf } from "../lib/person.mjs";
import { countNear, lookAt } from "../lib/watch.mjs";

const shut = (popup, reason) =>
  waitFor(`it to be shut: ${reason}`, async () => ((await statusOf(popup)).shut?.reason ?? null) === reason, {
    timeoutMs: 20_000,
  });

export async function run({ receiver, pages, start, place, say }) {
  receiver.rules.urls = {
    mode: "allow",
    patterns: ["http://shop.localhost/*"],
    except: ["/done/**", "/done"],
  };
  const browser = await start();
  await joinIn(browser, receiver);
  const page = browser.context.pages()[0];
  await page.goto(`${pages.shop}/`);
  const before = await openPopup(browser);
  await before.getByText("All pages but those your organisation allows by 1 rule").waitFor();
  await before.close();
  const popup = await begin(browser, { readNotice: true });
  await page.bringToFront();
  await shut(popup, null);
  await pause(3000);

  // Nobody named it, neither as allowed nor as excluded.
  await page.goto(`${pages.bank}/`);
  await shut(popup, "blocked");
  await pause(2000);
  await page.goto(`${pages.shop}/lamps`);
  await shut(popup, null);
  say("a page that is not named shut it");
  await pause(2000);

  await page.goto(`${pages.shop}/done`);
  await page.evaluate(({ red, green, blue }) => {
    document.body.style.background = `rgb(${red},${green},${blue})`;
  }, CANARY);
  await shut(popup, "blocked");
  await pause(2000);
  await page.goto(`${pages.shop}/`);
  await shut(popup, null);
  say("an exception shut it");
  await pause(2000);

  await page.goto("chrome://version");
  await shut(popup, "blocked");
  await page.goto(`${pages.shop}/`);
  await shut(popup, null);
  await pause(2000);
  await popup.getByRole("button", { name: "Stop recording" }).click();
  await waitFor("the end to be told", () => receiver.ends.length > 0, { timeoutMs: 60_000 });

  const [run] = receiver.runs.values();
  const { frames, video, log } = lookAt(place, run, "allowed");
  assert.equal(Math.max(...frames.map((frame) => countNear(frame, CANARY))), 0, "nothing of it is seen");
  assert.deepEqual(
    video.flatMap(({ head }) => head.gaps.map(({ reason }) => reason)),
    ["blocked", "blocked", "blocked"],
  );
  const told = JSON.stringify(log);
  for (const word of ["bank.localhost", "/done", "chrome:", CANARY_WORD])
    assert.ok(!told.includes(word), `${word} is not in the log`);
  assert.ok(told.includes("/lamps"), "what is allowed is");
  say(`${frames.length} pictures, three gaps, and nothing of what is not named`);
}
