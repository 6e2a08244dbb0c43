/** A browser with what an organisation set for it, read from where Chromium reads it. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath, idOf } from "./browser.mjs";

/** Where Debian's Chromium looks for policies; `CHROMIUM_POLICIES` where another browser does. */
const POLICIES = process.env.CHROMIUM_POLICIES ?? "/etc/chromium";

export class Managed {
  #extension;
  #policies;

  constructor(place, extension, settings) {
    this.#extension = extension;
    this.#policies = join(place, "etc");
    mkdirSync(join(this.#policies, "policies", "managed"), { recursive: true });
    this.set(settings);
    this.executable = this.#wrapped(place);
  }

  /** Sets it anew; a browser that runs notices within seconds. */
  set(settings) {
    const policy = { "3rdparty": { extensions: { [idOf(this.#extension)]: settings } } };
    const path = join(this.#policies, "policies", "managed", "clerestory.json");
    writeFileSync(`${path}.new`, JSON.stringify(policy));
    renameSync(`${path}.new`, path);
  }

  /** The browser of this machine, for which alone the folder of policies is ours: in a mount namespace of its own. */
  #wrapped(place) {
    const path = join(place, "managed-chromium");
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const mapped = process.getuid() === 0 ? "" : "--map-root-user ";
    const alone = spawnSync("sh", ["-c", `unshare ${mapped}--mount true`], { encoding: "utf8" });
    if (alone.status !== 0 || !existsSync(POLICIES))
      throw new Error(
        `A managed browser needs \`unshare --mount\` (${alone.stderr.trim() || "it works"}) and ${POLICIES} (${existsSync(POLICIES) ? "it is there" : "it is not there"}).`,
      );
    const words = `mount --bind ${quoted(this.#policies)} ${quoted(POLICIES)} && exec ${quoted(chromiumPath())} "$@"`;
    writeFileSync(path, `#!/bin/sh\nexec unshare ${mapped}--mount sh -c ${quoted(words)} chromium "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }
}
