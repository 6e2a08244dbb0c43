/**
 * Media segments: encoded chunks with their times, and the gaps between them.
 *
 * "clmd" ‖ u8 version ‖ u8 kind ‖ u16 0 ‖ u32 length of head ‖ head (JSON) ‖ u32 count ‖ count × 20 bytes
 * (i64 timestamp_us ‖ u32 duration_us ‖ u32 length ‖ u8 flags ‖ 3 × 0) ‖ the chunks' bytes. All big endian.
 */
import { utf8 } from "@clerestory/capture/src/bytes";

export type GapReason = "blocked" | "paused" | "policy" | "lost" | "discarded";

/** A time of which nothing was kept, in milliseconds since 1970 by the device's clock. */
export interface Gap {
  readonly from_ms: number;
  readonly to_ms: number;
  readonly reason: GapReason;
}

export interface VideoHead {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** Base64url; only where the codec has one. */
  readonly description?: string;
  readonly gaps: readonly Gap[];
}

export interface AudioHead {
  readonly codec: string;
  readonly sample_rate: number;
  readonly channels: number;
  readonly description?: string;
  readonly gaps: readonly Gap[];
}

export interface Chunk {
  /** Microseconds since 1970 by the device's clock. */
  readonly timestampUs: number;
  readonly durationUs: number;
  readonly key: boolean;
  readonly bytes: Uint8Array;
}

export type MediaSegment =
  | { readonly kind: "video"; readonly head: VideoHead; readonly chunks: readonly Chunk[] }
  | { readonly kind: "audio"; readonly head: AudioHead; readonly chunks: readonly Chunk[] };

export const MEDIA_TYPE = "application/vnd.clerestory.media";
export const MAX_CHUNKS = 4096;
export const MAX_SPAN_MS = 10_000;
const ROW = 20;
const KINDS = { video: 1, audio: 2 } as const;

/** What keeps a segment from being one, or `null`. The server refuses the same. */
function fault({ kind, head, chunks }: MediaSegment): string | null {
  if (chunks.length > MAX_CHUNKS) return `${chunks.length} chunks`;
  if (chunks.some(({ bytes }) => bytes.length === 0)) return "an empty chunk";
  const [first] = chunks;
  const last = chunks.at(-1);
  if (!first || !last) return head.gaps.length > 0 ? null : "neither chunks nor gaps";
  if (kind === "video" && !first.key) return "no key frame first";
  if (last.timestampUs + last.durationUs - first.timestampUs > MAX_SPAN_MS * 1000)
    return "longer than allowed";
  const falls = chunks.some(
    ({ timestampUs }, at) => at > 0 && timestampUs <= (chunks[at - 1]?.timestampUs ?? 0),
  );
  return falls ? "times that do not rise" : null;
}

/** Writes a segment. Throws `RangeError` where it would not be one. */
export function writeSegment(segment: MediaSegment): Uint8Array<ArrayBuffer> {
  const wrong = fault(segment);
  if (wrong) throw new RangeError(`a ${segment.kind} segment with ${wrong}`);
  const { kind, chunks } = segment;
  const head = utf8(JSON.stringify(segment.head));
  const table = 12 + head.length + 4;
  const size = chunks.reduce((sum, { bytes }) => sum + bytes.length, table + chunks.length * ROW);
  const written = new Uint8Array(size);
  const view = new DataView(written.buffer);
  written.set(utf8("clmd"));
  view.setUint8(4, 1);
  view.setUint8(5, KINDS[kind]);
  view.setUint32(8, head.length);
  written.set(head, 12);
  view.setUint32(12 + head.length, chunks.length);
  let row = table;
  let at = table + chunks.length * ROW;
  for (const { timestampUs, durationUs, key, bytes } of chunks) {
    view.setBigInt64(row, BigInt(Math.round(timestampUs)));
    view.setUint32(row + 8, Math.round(durationUs));
    view.setUint32(row + 12, bytes.length);
    view.setUint8(row + 16, key ? 1 : 0);
    written.set(bytes, at);
    row += ROW;
    at += bytes.length;
  }
  return written;
}
