// Looks for words (canaries) in everything below a directory, in every dress a program could have put them in:
// plain, UTF-16, base64, hex, URL-encoded, inside gzip, zlib and zstd (with and without the vocabularies segments are
// packed with) wherever such a stream starts, and inside SQLite, row by row as well as byte by byte, overflow pages
// joined. A clean answer is only worth something
// because `test/scanner.test.mjs` and the identity-sealing story show that it finds what is there.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { Decompress } from "fzstd";
import { e2e, repository } from "./lib/paths.mjs";

const MAX_DEPTH = 6;
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
const SQLITE_MAGIC = Buffer.from("SQLite format 3\0", "latin1");
/** The first four bytes of a write-ahead log, in either byte order (SQLite file format, section 4.1). */
const WAL_MAGIC = [Buffer.from("377f0682", "hex"), Buffer.from("377f0683", "hex")];
const ZSTD_MAGIC = Buffer.from("28b52ffd", "hex");
/** A block holds no more than this (RFC 8878, section 3.1.1.2.4). */
const ZSTD_BLOCK_BYTES = 128 * 1024;
const GZIP_MAGIC = Buffer.from("1f8b08", "hex");
const ZLIB_HEADERS = ["7801", "785e", "789c", "78da"].map((hex) => Buffer.from(hex, "hex"));

/** The base64 of `bytes` as it looks inside a longer run, at each of three alignments, without its ragged ends. */
function base64Forms(bytes) {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const start = shift === 0 ? 0 : shift + 1;
    const whole = text.length - ((shift + bytes.length) % 3 === 0 ? 0 : 1);
    return text.slice(start, whole);
  });
}

/** Every dress of a word as [name, bytes]. */
export function formsOf(word) {
  const utf8 = Buffer.from(word, "utf8");
  const utf16 = Buffer.from(word, "utf16le");
  const forms = [
    ["utf-8", utf8],
    ["utf-16le", utf16],
    ["utf-16be", Buffer.from(utf16).swap16()],
    ["hex", Buffer.from(utf8.toString("hex"))],
    ["HEX", Buffer.from(utf8.toString("hex").toUpperCase())],
    ["url-encoded", Buffer.from(encodeURIComponent(word))],
    ["reversed", Buffer.from([...word].reverse().join(""), "utf8")],
  ];
  for (const [at, text] of base64Forms(utf8).entries()) {
    forms.push([`base64+${at}`, Buffer.from(text)]);
    forms.push([`base64url+${at}`, Buffer.from(text.replaceAll("+", "-").replaceAll("/", "_"))]);
  }
  for (const [at, text] of base64Forms(utf16).entries())
    forms.push([`base64(utf-16le)+${at}`, Buffer.from(text)]);
  const seen = new Set();
  return forms.filter(
    ([, bytes]) =>
      bytes.length > 0 && !seen.has(bytes.toString("latin1")) && seen.add(bytes.toString("latin1")),
  );
}

function* offsetsOf(bytes, magic) {
  for (let at = bytes.indexOf(magic); at !== -1; at = bytes.indexOf(magic, at + 1)) yield at;
}

/** Where the deflate stream of a gzip member starts (RFC 1952, section 2.3). */
function afterGzipHeader(bytes) {
  const flags = bytes[3] ?? 0;
  let at = 10;
  if (flags & 4) at += 2 + (bytes.length > at + 1 ? bytes.readUInt16LE(at) : 0);
  for (const flag of [8, 16]) {
    if (flags & flag) at = bytes.indexOf(0, at) + 1;
  }
  return bytes.subarray(flags & 2 ? at + 2 : at);
}

/** What a deflate or zlib stream holds; whatever follows its end is left alone, and a cut one gives what it can. */
function inflate(bytes, unpack) {
  const options = { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: MAX_UNPACKED_BYTES };
  // A stream damaged in the middle fails as a whole, so ever shorter beginnings are tried.
  for (let length = bytes.length; length >= 16; length >>= 1) {
    try {
      return unpack(bytes.subarray(0, length), options);
    } catch {
      // Most places that look like a header are none.
    }
  }
  return Buffer.alloc(0);
}

/** What the frame that starts `pieces` holds, after the first `skipped` bytes of it. */
function unzstd(pieces, skipped = 0) {
  const parts = [];
  let total = 0;
  const stream = new Decompress((part) => {
    total += part.length;
    if (total > MAX_UNPACKED_BYTES) throw new Error("unpacked too much");
    parts.push(Buffer.from(part));
  });
  try {
    for (const [at, piece] of pieces.entries()) stream.push(piece, at + 1 === pieces.length);
  } catch {
    // What follows the frame is not zstd; what came before has been handed over.
  }
  return Buffer.concat(parts).subarray(skipped);
}

/** The parts of a frame's header that say how its blocks are to be read (RFC 8878, section 3.1.1.1), or nothing. */
function zstdHeader(bytes) {
  const descriptor = bytes[4] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const sizeAt = (single ? 5 : 6) + dictionaryBytes;
  const blocksAt = sizeAt + sizeBytes;
  if (descriptor & 8 || bytes.length < blocksAt) return undefined;
  let window = 2 ** (10 + (bytes[5] >> 3));
  window += (window / 8) * (bytes[5] & 7);
  if (single) {
    const size = sizeBytes === 8 ? bytes.readBigUInt64LE(sizeAt) : bytes.readUIntLE(sizeAt, sizeBytes);
    window = Number(size) + (sizeBytes === 2 ? 256 : 0);
  }
  return { checksum: descriptor & 4, window, blocksAt };
}

/** The texts that segments are packed with. Without them the scanner would be blind, so there must be one. */
const vocabularies = (() => {
  const directory = path.join(repository, "crates", "vault", "src");
  const names = readdirSync(directory).filter((file) => /^vocabulary-\d+\.txt$/.test(file));
  if (names.length === 0) throw new Error(`there is no vocabulary-1.txt in ${directory}`);
  return names.map((file) => [path.parse(file).name, readFileSync(path.join(directory, file))]);
})();

/**
 * What a frame holds that was made with `vocabulary` as its raw dictionary. Such a dictionary is what its blocks may
 * repeat from as if it stood before them (RFC 8878, section 5), so the frame is read as one in which it does stand
 * there: in blocks of plain bytes, behind a header whose window reaches back to it.
 */
function unzstdWith(vocabulary, bytes) {
  const header = zstdHeader(bytes);
  if (!header) return Buffer.alloc(0);
  const reach = Math.min(header.window, MAX_UNPACKED_BYTES) + vocabulary.length;
  const exponent = Math.max(10, Math.ceil(Math.log2(reach)));
  const pieces = [Buffer.from([...ZSTD_MAGIC, header.checksum, (exponent - 10) << 3])];
  for (let at = 0; at < vocabulary.length; at += ZSTD_BLOCK_BYTES) {
    const block = vocabulary.subarray(at, at + ZSTD_BLOCK_BYTES);
    const size = Buffer.alloc(3);
    size.writeUIntLE(block.length << 3, 0, 3);
    pieces.push(size, block);
  }
  return unzstd([Buffer.concat(pieces), bytes.subarray(header.blocksAt)], vocabulary.length);
}

/** What a zstd frame holds, read without a dictionary and, where that makes a difference, with each vocabulary. */
function* unzstdAll(bytes) {
  const plain = unzstd([bytes]);
  yield ["zstd", plain];
  for (const [name, vocabulary] of vocabularies) {
    const inner = unzstdWith(vocabulary, bytes);
    if (!inner.equals(plain)) yield [`zstd with ${name}`, inner];
  }
}

/** SQLite pages without their first four bytes, joined: an overflow chain becomes one run of bytes again. */
function joinOverflow(bytes, pageSize, start = 0, frameHeader = 0) {
  const parts = [];
  for (let at = start; at + frameHeader + pageSize <= bytes.length; at += pageSize + frameHeader) {
    parts.push(bytes.subarray(at + frameHeader + 4, at + frameHeader + pageSize));
  }
  return Buffer.concat(parts);
}

/** Unpacked contents found inside `bytes`, each with how it was reached. */
function* unpackedFrom(bytes) {
  for (const at of offsetsOf(bytes, ZSTD_MAGIC)) {
    for (const [how, inner] of unzstdAll(bytes.subarray(at))) yield [`${how}@${at}`, inner];
  }
  for (const at of offsetsOf(bytes, GZIP_MAGIC)) {
    yield [`gzip@${at}`, inflate(afterGzipHeader(bytes.subarray(at)), zlib.inflateRawSync)];
  }
  for (const header of ZLIB_HEADERS) {
    for (const at of offsetsOf(bytes, header))
      yield [`zlib@${at}`, inflate(bytes.subarray(at), zlib.inflateSync)];
  }
  for (const run of bytes.toString("latin1").matchAll(/[A-Za-z0-9+/_-]{64,}={0,2}/g)) {
    yield [`base64@${run.index}`, Buffer.from(run[0].replaceAll("-", "+").replaceAll("_", "/"), "base64")];
  }
  if (bytes.subarray(0, 16).equals(SQLITE_MAGIC)) {
    const declared = bytes.readUInt16BE(16);
    yield ["sqlite overflow", joinOverflow(bytes, declared === 1 ? 65_536 : declared)];
  }
  if (WAL_MAGIC.some((magic) => bytes.subarray(0, 4).equals(magic))) {
    yield ["wal overflow", joinOverflow(bytes, bytes.readUInt32BE(8), 32, 24)];
  }
}

/**
 * Scans bytes for words.
 *
 * @param {Buffer} bytes
 * @param {string[]} words
 * @returns {{word: string, form: string, where: string}[]}
 */
export function scanBytes(bytes, words, where = "bytes", depth = 0) {
  const found = [];
  for (const word of words) {
    for (const [form, needle] of formsOf(word)) {
      if (bytes.includes(needle)) found.push({ word, form, where });
    }
  }
  if (depth >= MAX_DEPTH) return found;
  for (const [how, inner] of unpackedFrom(bytes)) {
    if (inner.length >= 4) found.push(...scanBytes(inner, words, `${where} > ${how}`, depth + 1));
  }
  return found;
}

/** Every value of every table, through SQLite itself, which also applies the write-ahead log. */
function sqliteValues(file) {
  const run = spawnSync("python3", [path.join(e2e, "sqlite_values.py"), file], { maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`reading ${file} as SQLite: ${run.stderr}`);
  return run.stdout;
}

export function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/**
 * Scans every file below a directory, and the name of every file.
 *
 * @returns {{files: number, bytes: number, found: {word: string, form: string, where: string}[]}}
 */
export function scanDirectory(directory, words) {
  const found = [];
  let total = 0;
  const files = filesBelow(directory);
  for (const file of files) {
    const bytes = readFileSync(file);
    total += bytes.length;
    const name = path.relative(directory, file);
    found.push(...scanBytes(Buffer.from(name), words, `name of ${name}`, MAX_DEPTH));
    found.push(...scanBytes(bytes, words, name));
    if (bytes.subarray(0, 16).equals(SQLITE_MAGIC)) {
      for (const value of splitValues(sqliteValues(file)))
        found.push(...scanBytes(value, words, `${name} > row`));
    }
  }
  return { files: files.length, bytes: total, found };
}

/** `sqlite_values.py` writes each value as a 4-byte big-endian length and the bytes. */
function* splitValues(stream) {
  for (let at = 0; at + 4 <= stream.length; ) {
    const length = stream.readUInt32BE(at);
    yield stream.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}
