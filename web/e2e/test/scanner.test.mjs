// The scanner must find a word in every dress: without these, a clean scan would mean nothing.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import zlib from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { scanBytes, scanDirectory } from "../scanner.mjs";

const WORD = "canary-7f3k9q2x-Ünïcode";
const noise = Buffer.from(Array.from({ length: 999 }, (_, at) => (at * 89 + 7) % 251));
const wrapped = (bytes) => Buffer.concat([noise, bytes, noise]);
const found = (bytes) => scanBytes(bytes, [WORD]).length > 0;

/** The output of `zstd -19 --no-check` on "note " + WORD + newline, repeated 200 times. */
const COMPRESSED_FRAME = Buffer.from(
  "KLUv/QBoPQEA+G5vdGUgY2FuYXJ5LTdmM2s5cTJ4LcOcbsOvY29kZQoBAFug6JUT",
  "base64",
);

describe("finds a word", () => {
  const utf8 = Buffer.from(`{"note":"${WORD}"}`);
  const utf16 = Buffer.from(`note ${WORD}`, "utf16le");
  const dresses = {
    plain: utf8,
    "utf-16 little endian": utf16,
    "utf-16 big endian": Buffer.from(utf16).swap16(),
    hex: Buffer.from(utf8.toString("hex")),
    "capital hex": Buffer.from(utf8.toString("hex").toUpperCase()),
    base64: Buffer.from(utf8.toString("base64")),
    "base64, shifted by one": Buffer.from(Buffer.concat([Buffer.from("x"), utf8]).toString("base64")),
    "base64, shifted by two": Buffer.from(Buffer.concat([Buffer.from("xy"), utf8]).toString("base64")),
    base64url: Buffer.from(utf8.toString("base64url")),
    "url-encoded": Buffer.from(encodeURIComponent(WORD)),
    gzip: zlib.gzipSync(utf8),
    zlib: zlib.deflateSync(utf8),
    "gzip in base64": Buffer.from(zlib.gzipSync(Buffer.concat([utf8, Buffer.alloc(64)])).toString("base64")),
    "gzip in gzip": zlib.gzipSync(zlib.gzipSync(utf8)),
  };
  for (const [name, bytes] of Object.entries(dresses)) {
    test(name, () => expect(found(bytes)).toBe(true));
    test(`${name}, in the middle of other bytes`, () => expect(found(wrapped(bytes))).toBe(true));
  }
  test("gzip cut short", () => {
    const random = Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * at * 31 + at) % 256));
    const whole = zlib.gzipSync(Buffer.concat([utf8, random]));
    expect(found(whole.subarray(0, whole.length >> 1))).toBe(true);
  });
});

describe("finds a word in zstd", () => {
  const zstd = (input) => execFileSync("python3", ["-c", RAW_FRAME], { input });
  test("in a frame", () => expect(found(zstd(Buffer.from(WORD)))).toBe(true));
  test("in a frame among other bytes", () => expect(found(wrapped(zstd(Buffer.from(WORD))))).toBe(true));
  test("in a compressed frame", () => expect(found(wrapped(COMPRESSED_FRAME))).toBe(true));
});

// The frames below were made as a segment is packed: by Python's `zstandard` 0.25.0 with the vocabulary as raw content,
// the size told, no checksum. They hold WORD, whose last letters come out of the vocabulary, and STYLE, which wholly does.
describe("finds a word in zstd made with the vocabulary", () => {
  const STYLE = "background-position: center center; background-repeat: no-repeat;";
  /** `[{"type":3,"textContent":WORD},{"style":STYLE}]`, at level 6. */
  const SMALL = Buffer.from(
    "KLUv/SCEZQEAwGNhbmFyeS03ZjNrOXEyeC3DnG7DryJ9XQUAZmWYhC9ZBIAXoFKrF4/chkA=",
    "base64",
  );
  /** 3,500 movements of the mouse (297 KB, three blocks), then WORD and STYLE, at level 3. */
  const LARGE = Buffer.from(
    "KLUv/aB9igQAFAEAKDE0MTIxCQB8/1jIALBzCiEMmpAscWDwDymsaZBoBO4AAUwAAAgiAQD8/zkQAo0BAMh5ImNhbmFyeS03ZjNrOXEyeC3DnG7D" +
      "ryJdBQCZWoMMCDKDIJBZgyLgdAtyO0Ohgys=",
    "base64",
  );
  const dresses = {
    "a frame": SMALL,
    "a frame of many blocks": LARGE,
    "a frame between two others": Buffer.concat([COMPRESSED_FRAME, SMALL, LARGE]),
    "a frame in base64": Buffer.from(SMALL.toString("base64")),
    "a frame in gzip": zlib.gzipSync(SMALL),
  };
  for (const [name, bytes] of Object.entries(dresses)) {
    for (const [place, there] of [
      ["alone", bytes],
      ["among other bytes", wrapped(bytes)],
    ]) {
      test(`${name}, ${place}`, () => {
        const hits = scanBytes(there, [WORD, STYLE]);
        const unpacked = hits.filter((hit) => hit.where.includes("zstd with vocabulary-1@"));
        expect(new Set(unpacked.map((hit) => hit.word))).toEqual(new Set([WORD, STYLE]));
      });
    }
  }
  test("and in a frame cut short what its whole blocks hold", () => {
    const moved = '{"type":3,"data":{"source":2,"type":1,"id":4,"x":1,"y":2},"timestamp":1790000000000}';
    expect(scanBytes(LARGE.subarray(0, 70), [moved, WORD]).map((hit) => hit.word)).toContain(moved);
  });
  test("but no word that only the vocabulary holds", () => {
    const elsewhere = "accordion active alert app aside avatar badge";
    expect(scanBytes(wrapped(SMALL), [elsewhere])).toEqual([]);
    expect(scanBytes(wrapped(COMPRESSED_FRAME), [elsewhere])).toEqual([]);
  });
});

/** Wraps standard input as one zstd frame of a raw block (RFC 8878, sections 3.1.1 and 3.1.1.2). */
const RAW_FRAME = `
import sys
data = sys.stdin.buffer.read()
header = bytes.fromhex("28b52ffd") + bytes([0x20, len(data)])
block = ((len(data) << 3) | 1).to_bytes(3, "little")
sys.stdout.buffer.write(header + block + data)
`;

describe("finds nothing where nothing is", () => {
  test("in other text", () => expect(found(wrapped(Buffer.from("canary-7f3k9q2y")))).toBe(false));
  test("in compressed other text", () =>
    expect(found(zlib.gzipSync(Buffer.from("nothing here".repeat(50))))).toBe(false));
});

describe("finds a word in a directory", () => {
  let directory;
  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), "scanner-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const sqlite = (script) => execFileSync("python3", ["-c", script, path.join(directory, "rows.db"), WORD]);
  const hits = () => scanDirectory(directory, [WORD]).found;

  test("and reads every file", () => {
    mkdirSync(path.join(directory, "deep", "er"), { recursive: true });
    writeFileSync(path.join(directory, "deep", "er", "one"), zlib.gzipSync(WORD));
    writeFileSync(path.join(directory, "two"), "nothing");
    const answer = scanDirectory(directory, [WORD]);
    expect(answer.files).toBe(2);
    expect(answer.found.map((hit) => hit.where.split(" ")[0])).toEqual([path.join("deep", "er", "one")]);
  });
  test("in the name of a file", () => {
    writeFileSync(path.join(directory, `${WORD}.bin`), "x");
    expect(hits()).not.toEqual([]);
  });
  test("in a blob that runs over many SQLite pages, compressed", () => {
    sqlite(`
import sqlite3, sys, gzip, os
db = sqlite3.connect(sys.argv[1])
db.execute("create table t (b blob)")
db.execute("insert into t values (?)", (gzip.compress(os.urandom(30000) + sys.argv[2].encode()),))
db.commit()`);
    expect(hits()).not.toEqual([]);
  });
  test("in a row that was deleted and is only on a free page", () => {
    sqlite(`
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("pragma secure_delete = off")
db.execute("create table t (b text)")
db.execute("insert into t values (?)", ("x" * 9000 + sys.argv[2],))
db.commit()
db.execute("delete from t")
db.commit()`);
    expect(hits()).not.toEqual([]);
  });
  test("in a write-ahead log that was not applied", () => {
    sqlite(`
import sqlite3, sys, gzip, os
db = sqlite3.connect(sys.argv[1])
db.execute("pragma journal_mode = wal")
db.execute("pragma wal_autocheckpoint = 0")
db.execute("create table t (b blob)")
db.execute("insert into t values (?)", (gzip.compress(os.urandom(30000) + sys.argv[2].encode()),))
db.commit()
os._exit(0)`);
    expect(hits().some((hit) => hit.where.startsWith("rows.db-wal"))).toBe(true);
    expect(hits().some((hit) => hit.where.includes("> row"))).toBe(true);
  });
});
