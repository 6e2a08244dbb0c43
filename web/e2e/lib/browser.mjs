import { chromium } from "playwright-core";
import { chromiumPath } from "./paths.mjs";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Two runs of one picture must be equal: no LCD text, no colour profile of the machine.
  "--disable-lcd-text",
  "--force-color-profile=srgb",
  "--hide-scrollbars",
];

/** A Chromium with a fresh profile. `extra` are further flags. */
export function launchBrowser(extra = []) {
  return chromium.launch({ executablePath: chromiumPath, args: [...FLAGS, ...extra] });
}
