/** Reads media segments as the page on the format says, and puts their chunks into a file other programs read. */

/** Throws where the segment is not exactly what it may be. */
export function readSegment(bytes) {
  const need = (holds, what) => {
    if (!holds) throw new Error(`a media segment with ${what}`);
  };
  need(bytes.subarray(0, 4).toString() === "clmd", "another magic");
  need(
    bytes[4] === 1 && (bytes[5] === 1 || bytes[5] === 2) && bytes.readUInt16BE(6) === 0,
    "another version",
  );
  const headLength = bytes.readUInt32BE(8);
  const head = JSON.parse(bytes.subarray(12, 12 + headLength).toString("utf8"));
  const count = bytes.readUInt32BE(12 + headLength);
  need(count <= 4096, "too many chunks");
  let row = 16 + headLength;
  let at = row + count * 20;
  const chunks = [];
  for (let number = 0; number < count; number += 1, row += 20) {
    const length = bytes.readUInt32BE(row + 12);
    const timestampUs = Number(bytes.readBigInt64BE(row));
    const durationUs = bytes.readUInt32BE(row + 8);
    const key = bytes[row + 16] === 1;
    need(bytes[row + 16] <= 1 && bytes.readUIntBE(row + 17, 3) === 0, "flags that are not known");
    need(timestampUs > (chunks.at(-1)?.timestampUs ?? 0), "times that do not rise");
    need(length > 0, "an empty chunk");
    chunks.push({ timestampUs, durationUs, key, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  need(at === bytes.length, "bytes after its end");
  const kind = bytes[5] === 1 ? "video" : "audio";
  need(count > 0 || head.gaps.length > 0, "neither chunks nor gaps");
  need(kind === "audio" || count === 0 || chunks[0].key, "no key frame first");
  const [first] = chunks;
  const last = chunks.at(-1);
  need(!first || last.timestampUs + last.durationUs - first.timestampUs <= 10_000_000, "more than 10 s");
  return { kind, head, chunks };
}

/** The segments of a track, in order of their numbers, which have to be whole. */
export function readTrack(segments) {
  const numbers = [...segments.keys()].sort((a, b) => a - b);
  numbers.forEach((number, at) => {
    if (number !== at) throw new Error(`number ${at} is missing`);
  });
  return numbers.map((number) => readSegment(segments.get(number).plain));
}

const CODEC_IDS = { vp8: "V_VP8", vp09: "V_VP9", av01: "V_AV1", avc1: "V_MPEG4/ISO/AVC" };

function size(length) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length) | (1n << 56n));
  return bytes;
}

const element = (name, content) => Buffer.concat([Buffer.from(name, "hex"), size(content.length), content]);

function number(name, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return element(name, bytes);
}

function decimal(name, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return element(name, bytes);
}

const text = (name, value) => element(name, Buffer.from(value));

function opusHead({ channels, sample_rate: rate }) {
  const bytes = Buffer.from("OpusHead\x01\x01\0\0\0\0\0\0\0\0\0", "latin1");
  bytes[9] = channels;
  bytes.writeUInt32LE(rate, 12);
  return bytes;
}

function trackEntry(at, { kind, head }) {
  const described = head.description ? Buffer.from(head.description, "base64url") : null;
  const own = kind === "audio" ? (described ?? opusHead(head)) : described;
  const shape =
    kind === "video"
      ? element("e0", Buffer.concat([number("b0", head.width), number("ba", head.height)]))
      : element("e1", Buffer.concat([decimal("b5", head.sample_rate), number("9f", head.channels)]));
  return element(
    "ae",
    Buffer.concat([
      number("d7", at),
      number("73c5", at),
      number("83", kind === "video" ? 1 : 2),
      text("86", kind === "video" ? CODEC_IDS[head.codec.slice(0, 4).replace(/^vp8.*/, "vp8")] : "A_OPUS"),
      ...(own ? [element("63a2", own)] : []),
      shape,
    ]),
  );
}

/** Matroska with the chunks of some tracks, each in segments as `readTrack` gives them, from `zeroUs` on. */
export function writeMatroska(tracks, zeroUs) {
  const described = tracks
    .map((segments) => segments.find(({ chunks }) => chunks.length > 0))
    .filter(Boolean);
  const blocks = described
    .flatMap(({ kind }, at) =>
      tracks
        .find((segments) => segments.some((segment) => segment.kind === kind))
        .flatMap(({ chunks }) => chunks)
        .map((chunk) => ({ track: at + 1, ...chunk })),
    )
    .sort((a, b) => a.timestampUs - b.timestampUs);
  const clusters = blocks.map(({ track, timestampUs, key, bytes }) => {
    const block = Buffer.concat([Buffer.from([0x80 | track, 0, 0, key ? 0x80 : 0]), bytes]);
    const atMs = Math.max(0, Math.round((timestampUs - zeroUs) / 1000));
    return element("1f43b675", Buffer.concat([number("e7", atMs), element("a3", block)]));
  });
  const head = element(
    "1a45dfa3",
    Buffer.concat([text("4282", "matroska"), number("4287", 4), number("4285", 2)]),
  );
  const info = element(
    "1549a966",
    Buffer.concat([number("2ad7b1", 1_000_000), text("4d80", "clerestory"), text("5741", "clerestory")]),
  );
  const entries = element(
    "1654ae6b",
    Buffer.concat(described.map((segment, at) => trackEntry(at + 1, segment))),
  );
  return Buffer.concat([head, element("18538067", Buffer.concat([info, entries, ...clusters]))]);
}
