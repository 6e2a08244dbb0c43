// The browser tests of web/player, which need no server.
import path from "node:path";
import { web } from "../lib/paths.mjs";
import { runSuite } from "../lib/suite.mjs";

export const name = "player-page";

export async function run(t) {
  t.say(await runSuite(path.join(web, "player", "test", "browser.mjs")));
}
