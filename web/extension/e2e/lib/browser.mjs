/** Chromium with the extension in it, in a profile that outlives the browser. */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const dist = join(dirname(fileURLToPath(import.meta.url)), "../../dist");

/** An unpacked extension is named after the folder it lies in. */
export const idOf = (folder) =>
  [...createHash("sha256").update(folder).digest("hex").slice(0, 32)]
    .map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))
    .join("");

export const chromiumPath = () => process.env.CHROMIUM ?? "/usr/bin/chromium";

/**
 * The extension as built, but for one thing: what it asks for while it is used is granted from the start, as no script
 * can answer the browser's own questions. What is granted stays the same.
 */
export function prepare(folder) {
  cpSync(dist, folder, { recursive: true });
  const path = join(folder, "manifest.json");
  const { optional_host_permissions: asked, ...manifest } = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...manifest, host_permissions: asked }));
}

/**
 * `flags`: more for the browser. `display`: of an X server, for a browser with windows; none for one without. `executable`:
 * the browser, where it is not the one of this machine.
 */
export async function launch({
  extension,
  profile,
  executable = chromiumPath(),
  flags = [],
  display = null,
  size = { width: 1280, height: 720 },
}) {
  const id = idOf(extension);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    headless: false,
    ignoreDefaultArgs: [
      "--mute-audio",
      "--disable-extensions",
      "--disable-component-extensions-with-background-pages",
    ],
    viewport: display ? null : size,
    ...(display ? { env: { ...process.env, DISPLAY: display } } : {}),
    args: [
      ...(display ? ["--ozone-platform=x11"] : ["--headless=new"]),
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
      // Stands for the person's click on the extension's button, which gives it the tab.
      `--allowlisted-extension-id=${id}`,
      "--use-fake-device-for-media-stream",
      // Answers for the person on the set-up page. The flag that does so for everything swaps in a false screen, too.
      "--auto-accept-camera-and-microphone-capture",
      ...flags,
    ],
  });
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
  return { context, worker, id };
}

/** The number of the browser's first process, found by its profile. */
export function processOf(profile) {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const words = readFileSync(join("/proc", entry, "cmdline"), "utf8").split("\0");
      const isOurs =
        words.includes(`--user-data-dir=${profile}`) && !words.some((word) => word.startsWith("--type="));
      if (isOurs && words[0].includes("chrom")) return Number(entry);
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error("the browser is not there");
}

/** Ends the extension's service worker, as the browser does when it has nothing to do. */
export async function endWorker({ context, id }) {
  const session = await context.newCDPSession(context.pages()[0]);
  const { targetInfos } = await session.send("Target.getTargets");
  const worker = targetInfos.find(({ type, url }) => type === "service_worker" && url.includes(id));
  if (!worker) throw new Error("there is no worker to end");
  await session.send("Target.closeTarget", { targetId: worker.targetId });
  await session.detach();
}
