import { mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const e2e = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
export const web = path.resolve(e2e, "..");
export const repository = path.resolve(web, "..");
/** Screenshots and reports of the last run. */
export const output = process.env.CLERESTORY_E2E_OUTPUT ?? path.join(repository, "target", "e2e");
export const binary = process.env.CLERESTORY_BIN ?? path.join(repository, "target", "debug", "clerestory");
/** Chromium as Debian installs it; `CHROMIUM` names another. */
export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

mkdirSync(output, { recursive: true });
