// What a person does in the console, by what they see: names, roles and addresses, never by class names.
import { describeDocument } from "./describe.mjs";
import { waitFor } from "./wait.mjs";

/** Puts the API's session into a browser context: the same person, without spending a second link. */
export async function shareSession(context, api, info) {
  await context.addCookies(
    api
      .cookies()
      .map(([name, value]) => ({ name, value, url: info.console, httpOnly: true, sameSite: "Strict" })),
  );
}

/** Signs in with the link that the demo printed, as a newcomer does. */
export async function signInByLink(page, info) {
  await page.goto(info.sign_in);
  await page.waitForURL(/\/recordings/, { timeout: 15_000 });
}

/** Answers the player's question for a reason, where it asks one. */
async function giveReason(page) {
  const ask = page.getByRole("textbox", { name: /reason|why/i });
  if (!(await ask.isVisible().catch(() => false))) return;
  await ask.fill("End-to-end test of the replay");
  await ask.press("Enter");
  const open = page.getByRole("button", { name: /^(open|watch|let me in|play it)/i });
  if (await open.isVisible().catch(() => false)) await open.click();
}

/** The frame of the player page, on the content host. */
export function playerFrame(page, info) {
  return page.frames().find((frame) => frame.url().startsWith(`${info.content}/player/`));
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
      const frame = playerFrame(page, info);
      return frame?.evaluate(
        () => (document.querySelector("iframe")?.contentDocument?.body?.childElementCount ?? 0) > 0,
      );
    },
    { timeoutMs: 20_000 },
  );
}

/** Describes the replayed document as it stands now, with the pointer's place in it. */
export async function describeReplay(page, info) {
  const frame = playerFrame(page, info);
  if (!frame) throw new Error("there is no player on this page");
  return frame.evaluate(`(() => {
    const inner = document.querySelector("iframe")?.contentDocument;
    if (!inner?.body) return null;
    const pointer = document.querySelector(".replayer-mouse");
    const place = pointer ? [pointer.style.left, pointer.style.top].map((at) => Math.round(Number.parseFloat(at))) : null;
    return { tree: (${describeDocument})(inner, "replay"), pointer: place };
  })()`);
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
  await frame.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    document.documentElement.style.cssText = "overflow:hidden;background:#fff";
    for (
      let at = document.querySelector("iframe");
      at && at !== document.documentElement;
      at = at.parentElement
    ) {
      at.style.setProperty("transform", "none", "important");
      at.style.setProperty("position", at.localName === "iframe" ? "static" : "absolute", "important");
      at.style.setProperty("inset", "0 auto auto 0", "important");
      at.style.setProperty("margin", "0", "important");
      at.style.setProperty("padding", "0", "important");
      at.style.setProperty("border", "0", "important");
      at.style.setProperty("filter", "none", "important");
      at.style.setProperty("border-radius", "0", "important");
    }
    for (const cover of document.querySelectorAll(".replayer-mouse, .replayer-mouse-tail"))
      cover.style.setProperty("display", "none", "important");
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
}
