// The ledger of a real server: a Python script that shares no code with it reads a saved copy and agrees; the console
// checks proofs in the browser and remembers; a row changed by hand is named.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { shareSession } from "../lib/console.mjs";
import { binary, e2e } from "../lib/paths.mjs";
import { python } from "../lib/python.mjs";
import { waitFor } from "../lib/wait.mjs";

export const name = "ledger";

function verify(data, ...args) {
  const run = spawnSync(binary, ["verify", "ledger", "--data", data, ...args], { encoding: "utf8" });
  return { ok: run.status === 0, text: run.stdout + run.stderr };
}

export async function run(t) {
  const { server, api } = await t.signedIn();
  const { data } = server.info;
  const copy = path.join(server.place.root, "copy");
  const entries = async () => (await api.get("/audit?limit=1")).head.number;

  // Every entry so far has its leaf within a second or so.
  const before = await entries();
  const proof = await waitFor("a leaf for the newest entry", async () => {
    const found = await api.request("GET", `/ledger/proof?entry=${before}`);
    return found.json?.inclusion ? found.json : null;
  });
  const saved = verify(data, "--save", copy);
  assert.ok(saved.ok, saved.text);
  const run = spawnSync(
    python(),
    [
      path.join(e2e, "check_ledger.py"),
      "log",
      copy,
      "--key",
      proof.key,
      "--database",
      path.join(data, "clerestory.db"),
    ],
    { encoding: "utf8" },
  );
  assert.equal(run.status, 0, run.stderr);
  const { leaves } = JSON.parse(run.stdout);
  assert.ok(leaves >= before, `${leaves} leaves, ${before} entries`);

  const browser = await t.browser();
  const context = await browser.newContext();
  await shareSession(context, api, server.info);
  const page = await context.newPage();
  const held = page.getByText("This browser checked that the ledger has a checkpoint");
  await page.goto(`${server.info.console}/trust/audit`);
  await held.waitFor();
  await page.screenshot({ path: t.picture("audit") });
  await page.reload();
  await page
    .getByText(/This browser checked that the ledger of \d+ leaves goes on from the one of \d+/)
    .waitFor();

  const more = verify(data, "--against", copy);
  assert.ok(more.ok && more.text.includes("It goes on from what was saved"), more.text);

  // Somebody edits a row that the copy tells of.
  await server.stop();
  const edit =
    "update audit_entries set rule = rule || '.' where number = 2 and organisation_id <> zeroblob(16)";
  const database = path.join(data, "clerestory.db");
  const script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
  const edited = spawnSync(python(), ["-c", script, database, edit], { encoding: "utf8" });
  assert.equal(edited.status, 0, edited.stderr);
  const found = verify(data, "--against", copy);
  assert.ok(!found.ok, found.text);
  assert.match(found.text, /entry 2 of org_[0-9a-f]{32} was edited: leaf \d+ tells of another one/);
  t.say(`${leaves} leaves agree with Python; the browser remembered; the edit was named`);
}
