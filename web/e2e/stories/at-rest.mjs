// Nothing readable at rest, on PostgreSQL and a bucket as on SQLite and a directory: what people, pages and reasons are
// called is in no file of the installation or the database, no object, no log and no temporary file. With sealing
// replaced by nothing it is found in each kind of place, or this silence would mean nothing. No browser is needed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import zlib from "node:zlib";
import { Api } from "../lib/api.mjs";
import { binary, repository } from "../lib/paths.mjs";
import { workspace } from "../lib/server.mjs";
import { serveInstalled, startBucket, startPostgres } from "../lib/services.mjs";
import { scanPostgres } from "../postgres.mjs";
import { scanDirectory } from "../scanner.mjs";

export const name = "at-rest";
export const limitMs = 8 * 60_000;

const identityBinary =
  process.env.CLERESTORY_IDENTITY_BIN ?? path.join(repository, "target", "identity", "debug", "clerestory");

/** One word for each kind of thing that is said in a sealed place and nowhere else. */
const WORD = {
  person: "hoopoe-5512-person",
  organisation: "lammergeier-7741-organisation",
  site: "capercaillie-1903-site",
  text: "ptarmigan-6628-text",
  address: "dotterel-3347-address",
  title: "goldeneye-9015-title",
  reason: "whimbrel-2286-reason",
};
const PAGE = "https://shop.example";
const AT = 1_795_000_000_000;

/** One segment as a recorder sends it: where the page is, what it is called, and a text that is shown on purpose. */
function segment() {
  const shown = {
    type: 2,
    tagName: "p",
    attributes: { "data-clerestory": "unmask" },
    id: 6,
    childNodes: [{ type: 3, textContent: WORD.text, id: 7 }],
  };
  const title = {
    type: 2,
    tagName: "title",
    attributes: {},
    id: 8,
    childNodes: [{ type: 3, textContent: WORD.title, id: 9 }],
  };
  const head = { type: 2, tagName: "head", attributes: {}, id: 4, childNodes: [title] };
  const body = { type: 2, tagName: "body", attributes: {}, id: 5, childNodes: [shown] };
  const html = { type: 2, tagName: "html", attributes: {}, id: 3, childNodes: [head, body] };
  const doctype = { type: 1, name: "html", publicId: "", systemId: "", id: 2 };
  const node = { type: 0, id: 1, childNodes: [doctype, html] };
  return JSON.stringify([
    { type: 4, timestamp: AT, data: { href: `${PAGE}/${WORD.address}`, width: 1280, height: 800 } },
    { type: 2, timestamp: AT + 1, data: { node, initialOffset: { left: 0, top: 0 } } },
  ]);
}

/** A request of a recorder, which is on a page of another origin and has no session. */
function recorder(port, method, target, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: "127.0.0.1",
        port,
        method,
        path: `/api/v1/capture/${target}`,
        headers: {
          host: `localhost:${port}`,
          origin: PAGE,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...headers,
        },
      },
      async (answer) => {
        const parts = [];
        for await (const part of answer) parts.push(part);
        const text = Buffer.concat(parts).toString("utf8");
        if (answer.statusCode > 299) reject(new Error(`${target}: ${answer.statusCode} ${text}`));
        else resolve(JSON.parse(text));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** Says every word to a running server, in the place where it belongs. */
async function sayEverything({ info }) {
  const api = new Api(info);
  await api.signInByLink();
  const site = await api.post("/sites", { name: WORD.site, origins: [PAGE] });
  const asked = {
    site_key: site.site_key,
    writer: "0190a5e2-0000-7000-8000-000000000001",
    client_time_ms: AT,
  };
  const started = await recorder(info.port, "POST", "start", {}, JSON.stringify(asked));
  const headers = {
    authorization: `Bearer ${started.token}`,
    "content-encoding": "gzip",
    "clerestory-policy": String(started.policy.version),
  };
  await recorder(info.port, "PUT", "segments/0", headers, zlib.gzipSync(segment()));
  const events = JSON.stringify(await api.events(started.recording, WORD.reason));
  assert.ok(events.includes(WORD.text), "the replay does not hold the word that was shown on purpose");
}

/** The words that were found, and one place of each. */
function placesOf(found) {
  return Object.fromEntries(found.map(({ word, where }) => [word, where]));
}

/** A program of the newest PostgreSQL that is installed. */
function postgresProgram(program) {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root)
    ? readdirSync(root).map((version) => path.join(root, version, "bin"))
    : [];
  return [...versions.sort().reverse(), ...(process.env.PATH ?? "").split(":")]
    .map((folder) => path.join(folder, program))
    .find((file) => existsSync(file));
}

function sql(address, text) {
  const run = spawnSync(postgresProgram("psql") ?? "psql", ["-qAt", "-v", "ON_ERROR_STOP=1", "-d", address], {
    input: text,
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`psql: ${run.stderr}${run.error ?? ""}`);
  return run.stdout;
}

/** Scans all a PostgreSQL installation has: the database's files, the bucket, the server's own directories and log. */
function scanAll({ postgres, bucket, place }, words) {
  return {
    postgres: scanPostgres(postgres.directory, words),
    bucket: scanDirectory(bucket.directory, words),
    server: scanDirectory(place.root, words),
  };
}

const person = {
  organisation: WORD.organisation,
  name: WORD.person,
  email: `${WORD.person}@example.org`,
};

/** PostgreSQL and a bucket: sealed, everything is silent; unsealed, database, log of the database and bucket all tell. */
async function manyMachines(t, bin, env, check) {
  const place = workspace();
  const postgres = await startPostgres();
  const bucket = await startBucket();
  try {
    const database = { CLERESTORY_DATABASE: postgres.address };
    const server = await serveInstalled({
      bin,
      root: place.root,
      person,
      env: { ...database, ...bucket.environment, ...env },
    });
    try {
      await sayEverything(server);
      const packed = packSome(t, postgres);
      const words = [...Object.values(WORD), ...packed.map(([word]) => word)];
      const found = scanAll({ postgres, bucket, place }, words);
      for (const [which, { files, bytes }] of Object.entries(found)) {
        t.say(`${which}: ${files} files, ${bytes} bytes searched`);
        assert.ok(files > 0 && bytes > 0, `nothing was searched in ${which}`);
      }
      check(found, packed);
    } finally {
      await server.stop();
    }
  } finally {
    await Promise.all([postgres.stop(), bucket.stop()]);
  }
}

/** Values that PostgreSQL itself packs, in a row and moved to TOAST: the words in them, each with what finds it. */
function packSome(t, postgres) {
  const methods = sql(
    postgres.address,
    "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'",
  );
  const packed = [];
  for (const method of ["pglz", "lz4"]) {
    if (!methods.includes(method)) {
      t.say(`this PostgreSQL was built without ${method}: nothing can be packed with it`);
      continue;
    }
    const [inRow, moved] = [`smew-8830-row-${method}`, `smew-8830-moved-${method}`];
    // In two halves, so that no statement that is kept anywhere holds a word whole.
    const halves = (word) => `'${word.slice(0, 6)}' || '${word.slice(6)}'`;
    sql(
      postgres.address,
      `CREATE TABLE canary_${method} (one TEXT COMPRESSION ${method});
       INSERT INTO canary_${method} VALUES (repeat('canary of a row, ', 200) || ${halves(inRow)});
       INSERT INTO canary_${method} SELECT string_agg(md5(n::text) || repeat('canary ', 20), '') || ${halves(moved)}
         FROM generate_series(1, 400) n;`,
    );
    packed.push([inRow, "packed@"], [moved, "unpacked"]);
  }
  sql(postgres.address, "CHECKPOINT");
  return packed;
}

export async function run(t) {
  assert.ok(existsSync(identityBinary), `there is no binary with identity sealing at ${identityBinary}`);
  const words = Object.values(WORD);
  // The address of a person is part of a command line, which is no file; their name is what is looked for here.
  await manyMachines(t, binary, {}, (found, packed) => {
    for (const [which, { found: hits }] of Object.entries(found))
      assert.deepEqual(
        hits.filter((hit) => words.includes(hit.word)).slice(0, 10),
        [],
        `words were found in ${which}`,
      );
    assert.ok(packed.length > 0, "PostgreSQL packed nothing, so nothing was unpacked");
    for (const [word, how] of packed) {
      const places = found.postgres.found.filter((hit) => hit.word === word).map((hit) => hit.where);
      const unpacked = places.find((place) => place.startsWith("base/") && place.includes(how));
      assert.ok(unpacked, `the scanner does not find ${word}, which PostgreSQL packed, but in ${places}`);
      t.say(`${word}: ${unpacked}`);
    }
  });
  await manyMachines(t, identityBinary, { CLERESTORY_DANGEROUS_IDENTITY_SEALING: "1" }, (found) => {
    const told = found.postgres.found;
    const inTables = placesOf(told.filter((hit) => hit.where.startsWith("base/")));
    const inLog = placesOf(told.filter((hit) => hit.where.startsWith("pg_wal")));
    const inBucket = placesOf(found.bucket.found);
    t.say(`identity sealing: tables ${JSON.stringify(inTables)}`);
    t.say(`identity sealing: log ${Object.keys(inLog).length} words, bucket ${JSON.stringify(inBucket)}`);
    const rows = [WORD.person, WORD.organisation, WORD.site, WORD.address, WORD.reason];
    for (const word of rows) {
      assert.ok(inTables[word], `${word} is not found in the tables, unsealed`);
      assert.ok(inLog[word], `${word} is not found in the write-ahead log, unsealed`);
    }
    assert.ok(inBucket[WORD.text], "the text of the page is not found in the bucket, unsealed");
    // Whatever sealing does, nothing is said aloud.
    assert.deepEqual(
      found.server.found.slice(0, 10),
      [],
      "words were found in logs or files beside the data",
    );
  });
  await oneMachine(t, words);
}

/** SQLite and a directory, where database, objects, keys, log and temporary files all lie below one root. */
async function oneMachine(t, words) {
  for (const bin of [binary, identityBinary]) {
    const place = workspace();
    const env = bin === binary ? {} : { CLERESTORY_DANGEROUS_IDENTITY_SEALING: "1" };
    const server = await serveInstalled({ bin, root: place.root, person, env });
    try {
      await sayEverything(server);
      const running = scanDirectory(place.root, words);
      await server.stop();
      const found = [...running.found, ...scanDirectory(place.root, words).found];
      t.say(`one machine: ${running.files} files, ${running.bytes} bytes searched`);
      if (bin === binary) {
        assert.deepEqual(found.slice(0, 10), [], "words were found in files");
        continue;
      }
      for (const part of ["data/clerestory.db", "data/clerestory.db-wal", "data/objects"]) {
        assert.ok(
          found.some((hit) => hit.where.startsWith(part)),
          `nothing is found in ${part}, unsealed`,
        );
      }
      const beside = found.filter((hit) => !hit.where.startsWith("data/"));
      assert.deepEqual(beside.slice(0, 10), [], "words were found in keys, logs or temporary files");
    } finally {
      await server.stop();
    }
  }
}
