// What a person does in the console, by what they see: names, roles and addresses, never by class names.
import { describeDocument } from "./describe.mjs";
import { pause, waitFor } from "./wait.mjs";

/** Puts the API's session into a browser context: the same person, without spending a second link. */
export async function shareSession(context, api, info) {
  // A `__Host-` cookie is Secure, which the driver sets for https addresses only; cookies know no ports.
  const url = info.console.replace("http://", "https://");
  const asSet = { url, httpOnly: true, secure: true, sameSite: "Strict" };
  await context.addCookies(api.cookies().map(([name, value]) => ({ name, value, ...asSet })));
}

/** Signs in with the link that the demo printed, as a newcomer does. */
export async function signInByLink(page, info) {
  await page.goto(info.sign_in);
  await page.waitForURL(/\/recordings/, { timeout: 15_000 });
}

/** Answers the player's question for a reason, where it asks one. */
async function giveReason(page) {
  const open = page.getByRole("button", { name: "Open and record why" });
  if (!(await open.isVisible().catch(() => false))) return;
  await page.getByRole("textbox", { name: "Reference" }).fill("end-to-end test");
  await open.click();
}

/** The frame of the player page, on the content host. */
export function playerFrame(page, info) {
  return page.frames().find((frame) => frame.url().startsWith(`${info.content}/player/`));
}

/** The frame that shows the recorded document; the player may be building the next one behind it. */
const SHOWN = '(document.querySelector(".easel:not(.behind) iframe") ?? document.querySelector("iframe"))';

/**
 * Asks the recorded document that is shown. `ask` gets the document and the player page's own document; it runs in
 * the player page, so it may use nothing from outside itself. Resolves to null while nothing is shown.
 *
 * @param {(inner: Document, frame: HTMLIFrameElement, argument: unknown) => unknown} ask
 */
export async function inReplay(page, info, ask, argument = null) {
  const frame = playerFrame(page, info);
  if (!frame) return null;
  // As text: the driver's own encoding of deep trees is slow.
  const answer = await frame.evaluate(`(() => {
    const frame = ${SHOWN};
    if (!frame?.contentDocument?.body) return "null";
    return JSON.stringify((${ask})(frame.contentDocument, frame, ${JSON.stringify(argument)}) ?? null);
  })()`);
  return JSON.parse(answer);
}

/** Opens a recording at a moment and waits until a document stands in the player. */
export async function openPlayer(page, info, recording, { atMs, follow } = {}) {
  const search = new URLSearchParams({
    ...(atMs === undefined ? {} : { t: String(Math.round(atMs)) }),
    ...(follow ? { follow: "true" } : {}),
  });
  await page.goto(`${info.console}/recordings/${recording}?${search}`);
  await waitFor(
    "a recorded document in the player",
    async () => {
      await giveReason(page);
      return inReplay(page, info, (inner) => inner.body.childElementCount > 0);
    },
    { timeoutMs: 20_000 },
  );
}

/** Describes the replayed document as it stands now, with the pointer's place in it. */
export function describeReplay(page, info) {
  return inReplay(
    page,
    info,
    `(inner, frame) => {
      const pointer = frame.parentElement.querySelector(".replayer-mouse");
      const place = pointer ? [pointer.style.left, pointer.style.top].map((at) => Math.round(Number.parseFloat(at))) : null;
      return { tree: (${describeDocument})(inner, "replay"), pointer: place };
    }`,
  );
}

/** Puts the replay over the whole window, unscaled, so that its picture can be laid over the page's own. */
export async function replayAtFullSize(page, info, size) {
  await page.setViewportSize(size);
  const frame = playerFrame(page, info);
  const holder = await frame.frameElement();
  await holder.evaluate((element, { width, height }) => {
    // Each of these would make an ancestor the containing block of a fixed element, or cut it.
    const plain = {
      transform: "none",
      filter: "none",
      contain: "none",
      overflow: "visible",
      "clip-path": "none",
      "will-change": "auto",
      "container-type": "normal",
    };
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      for (const [name, value] of Object.entries(plain)) at.style.setProperty(name, value, "important");
    }
    element.style.cssText += `position:fixed!important;inset:0!important;width:${width}px!important;height:${height}px!important;max-width:none!important;max-height:none!important;z-index:2147483647!important;border:0!important;border-radius:0!important;margin:0!important`;
  }, size);
  await pause(200);
  // The player fits the recorded viewport into its frame, so at the same size its scale is one.
  await frame.evaluate(() => {
    for (const cover of document.querySelectorAll(".replayer-mouse, .replayer-mouse-tail")) {
      cover.style.setProperty("display", "none", "important");
    }
  });
  await pause(300);
}
