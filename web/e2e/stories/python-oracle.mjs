// A Python script with PyPI `tink`, `cryptography` and `zstandard`, given root, epoch file, database and vocabulary,
// opens stored segments, and what it reads is what the API plays.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { e2e } from "../lib/paths.mjs";
import { python } from "../lib/python.mjs";
import { onlyRecording, visitShop } from "../lib/shop.mjs";
import { pause, waitFor } from "../lib/wait.mjs";
import { filesBelow } from "../scanner.mjs";

export const name = "python-oracle";

function isSqlite(file) {
  const handle = openSync(file, "r");
  const start = Buffer.alloc(15);
  readSync(handle, start, 0, 15, 0);
  closeSync(handle);
  return start.toString("latin1") === "SQLite format 3";
}

/** Root file, directory of epochs and database, as they lie below the server's directory. */
function places(root, data) {
  const files = filesBelow(root);
  const found = {
    root: files.find((file) => /root[^/]*\.(json|key)$/.test(file) || path.basename(file) === "root"),
    epochs: files.find((file) => file.endsWith(".epoch")),
    database: filesBelow(data).find(isSqlite),
  };
  for (const [what, file] of Object.entries(found))
    assert.ok(file, `found no ${what} among ${files.join(", ")}`);
  return { ...found, epochs: path.dirname(found.epochs) };
}

export async function run(t) {
  const binary = python();
  const { server, api, info } = await t.signedIn();
  const browser = await t.browser();
  const page = await visitShop(await browser.newContext(), info);
  await page.getByRole("button", { name: "Home", exact: true }).click();
  await pause(3_000);
  await page.getByRole("button", { name: "Garden", exact: true }).click();
  const { id } = await onlyRecording(api);
  await waitFor("two segments", async () => (await api.get(`/recordings/${id}`)).segments >= 2, {
    timeoutMs: 20_000,
  });
  await page.close();

  const data = server.info.data;
  const at = places(server.place.root, data);
  const play = await api.post(`/recordings/${id}/plays`, { reason: "End-to-end test" });
  const [track] = play.tracks;
  let opened = 0;
  for (const { sequence } of track.segments) {
    const run = spawnSync(
      binary,
      [
        path.join(e2e, "open_segment.py"),
        "--root",
        at.root,
        "--epochs",
        at.epochs,
        "--database",
        at.database,
        "--data",
        data,
        track.id,
        String(sequence),
      ],
      { maxBuffer: 1 << 28 },
    );
    assert.equal(run.status, 0, `segment ${sequence}: ${run.stderr}`);
    const events = JSON.parse(run.stdout.toString("utf8"));
    assert.deepEqual(events, await api.get(`/plays/${play.id}/tracks/${track.id}/segments/${sequence}`));
    opened += 1;
  }
  assert.ok(opened >= 2);
  t.say(`${opened} segments opened by Python, equal to what the API plays`);
}
