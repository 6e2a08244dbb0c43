// Looks for words in PostgreSQL's own files: heap and TOAST pages, and the write-ahead log. Besides what `scanner.mjs`
// looks through, it unpacks what PostgreSQL packs (pglz and LZ4), joins values that TOAST cut into rows, and joins what the
// pages of the write-ahead log cut. Formats: PostgreSQL's src/include/storage/bufpage.h, access/htup_details.h,
// varatt.h, access/xlog_internal.h, and src/common/pg_lzcompress.c. `wal_compression`, which is off unless somebody turns it
// on, is not unpacked.
import { readFileSync } from "node:fs";
import path from "node:path";
import { filesBelow, scanBytes } from "./scanner.mjs";

const PAGE_BYTES = 8192;
const PAGE_VERSION = 4;
const SHORT_WAL_HEADER = 24;
const LONG_WAL_HEADER = 40;
const LONG_WAL_FLAG = 2;
/** A value that is packed and not moved to TOAST fits a page. */
const MAX_INLINE_BYTES = PAGE_BYTES;
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;

/** What pglz packed, or nothing where these are no such bytes. */
function unpglz(packed, size) {
  const out = Buffer.alloc(size);
  let [at, to] = [0, 0];
  while (at < packed.length && to < size) {
    const control = packed[at++];
    for (let bit = 0; bit < 8 && at < packed.length && to < size; bit += 1) {
      if ((control >> bit) & 1) {
        if (at + 1 >= packed.length) return undefined;
        let length = (packed[at] & 0x0f) + 3;
        const distance = ((packed[at] & 0xf0) << 4) | packed[at + 1];
        at += 2;
        if (length === 18) {
          if (at >= packed.length) return undefined;
          length += packed[at++];
        }
        if (distance === 0 || distance > to) return undefined;
        for (const end = Math.min(to + length, size); to < end; to += 1) out[to] = out[to - distance];
      } else {
        out[to++] = packed[at++];
      }
    }
  }
  return to === size && at === packed.length ? out : undefined;
}

/** What an LZ4 block holds, or nothing where these are no such bytes. Format: lz4_Block_format.md. */
function unlz4(packed, size) {
  const out = Buffer.alloc(size);
  let [at, to] = [0, 0];
  const more = (length) => {
    let total = length;
    if (length < 15) return total;
    for (let byte = 255; byte === 255; total += byte) {
      if (at >= packed.length) return Number.NaN;
      byte = packed[at++];
    }
    return total;
  };
  while (at < packed.length) {
    const token = packed[at++];
    const literals = more(token >> 4);
    if (!(at + literals <= packed.length && to + literals <= size)) return undefined;
    packed.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    if (at === packed.length) break;
    if (at + 2 > packed.length) return undefined;
    const distance = packed.readUInt16LE(at);
    at += 2;
    const length = more(token & 15) + 4;
    if (!(distance > 0 && distance <= to && to + length <= size)) return undefined;
    for (const end = to + length; to < end; to += 1) out[to] = out[to - distance];
  }
  return to === size ? out : undefined;
}

/** A packed value: its size and method in four bytes, and then its bytes. */
export function unpackValue(bytes) {
  if (bytes.length < 5) return undefined;
  const info = bytes.readUInt32LE(0);
  const [size, method] = [info & 0x3fffffff, info >>> 30];
  if (size > MAX_UNPACKED_BYTES || method > 1) return undefined;
  return method === 0 ? unpglz(bytes.subarray(4), size) : unlz4(bytes.subarray(4), size);
}

/** Every packed value that lies whole in these bytes, wherever it begins. */
export function* packedValues(bytes) {
  for (let at = 0; at + 8 < bytes.length; at += 1) {
    // The lowest bits 10 say that four bytes of length precede a packed value, on a little-endian machine.
    if ((bytes[at] & 3) !== 2 || bytes[at + 3] !== 0) continue;
    const length = bytes.readUInt32LE(at) >>> 2;
    if (length <= 12 || length > MAX_INLINE_BYTES || at + length > bytes.length) continue;
    const size = bytes.readUInt32LE(at + 4) & 0x3fffffff;
    if (size <= length - 8 || size > MAX_UNPACKED_BYTES / 64) continue;
    const value = unpackValue(bytes.subarray(at + 4, at + length));
    if (value) yield [`packed@${at}`, value];
  }
}

/** The rows of a heap page that its line pointers still name. */
function* tuples(page) {
  if (page.readUInt16LE(18) !== PAGE_BYTES + PAGE_VERSION) return;
  const lower = Math.min(page.readUInt16LE(12), PAGE_BYTES);
  for (let at = 24; at + 4 <= lower; at += 4) {
    const pointer = page.readUInt32LE(at);
    const [offset, length] = [pointer & 0x7fff, pointer >>> 17];
    if (length > 24 && offset + length <= PAGE_BYTES) yield page.subarray(offset, offset + length);
  }
}

/** The piece of a value in a row of a TOAST table: value's id, piece's number, bytes. */
function toastPiece(tuple) {
  const columns = tuple.readUInt16LE(18) & 0x7ff;
  const at = tuple[22];
  if (columns !== 3 || at + 12 > tuple.length) return undefined;
  const [id, number] = [tuple.readUInt32LE(at), tuple.readUInt32LE(at + 4)];
  const short = (tuple[at + 8] & 1) === 1;
  const length = short ? tuple[at + 8] >> 1 : tuple.readUInt32LE(at + 8) >>> 2;
  if (at + 8 + length !== tuple.length) return undefined;
  return { id, number, bytes: tuple.subarray(at + 8 + (short ? 1 : 4)) };
}

/** Every value that TOAST cut into rows of this file, joined, and unpacked where it is packed. */
export function* toasted(file) {
  const values = new Map();
  for (let at = 0; at + PAGE_BYTES <= file.length; at += PAGE_BYTES) {
    for (const tuple of tuples(file.subarray(at, at + PAGE_BYTES))) {
      const piece = toastPiece(tuple);
      if (!piece) continue;
      if (!values.has(piece.id)) values.set(piece.id, new Map());
      values.get(piece.id).set(piece.number, piece.bytes);
    }
  }
  for (const [id, pieces] of values) {
    const whole = Buffer.concat([...pieces].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
    yield [`toast ${id}`, whole];
    const unpacked = unpackValue(whole);
    if (unpacked) yield [`toast ${id}, unpacked`, unpacked];
  }
}

/** The write-ahead log without the headers of its pages: records are whole again. */
export function joinLog(files) {
  const parts = [];
  for (const file of files) {
    for (let at = 0; at + PAGE_BYTES <= file.length; at += PAGE_BYTES) {
      const long = file.readUInt16LE(at + 2) & LONG_WAL_FLAG;
      parts.push(file.subarray(at + (long ? LONG_WAL_HEADER : SHORT_WAL_HEADER), at + PAGE_BYTES));
    }
  }
  return Buffer.concat(parts);
}

/** A running database removes files: one that is gone is read no more. */
function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Scans a PostgreSQL data directory for words.
 *
 * @returns {{files: number, bytes: number, found: {word: string, form: string, where: string}[]}}
 */
export function scanPostgres(directory, words) {
  const found = [];
  const log = [];
  let total = 0;
  const look = (bytes, where) => found.push(...scanBytes(bytes, words, where, 4));
  const files = filesBelow(directory).sort();
  for (const file of files) {
    const name = path.relative(directory, file);
    const bytes = readIfThere(file);
    if (!bytes) continue;
    total += bytes.length;
    look(bytes, name);
    if (/^pg_wal\/[0-9A-F]{24}$/.test(name)) {
      log.push(bytes);
      continue;
    }
    for (const [how, value] of packedValues(bytes)) look(value, `${name} > ${how}`);
    for (const [how, value] of toasted(bytes)) look(value, `${name} > ${how}`);
  }
  const joined = joinLog(log);
  look(joined, "pg_wal, joined");
  for (const [how, value] of packedValues(joined)) look(value, `pg_wal, joined > ${how}`);
  return { files: files.length, bytes: total, found };
}
