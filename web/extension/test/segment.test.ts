import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readSegment } from "../e2e/lib/media.mjs";
import { type MediaSegment, writeSegment } from "../src/media/segment";

interface Case {
  readonly name: string;
  readonly segment: {
    readonly kind: "video" | "audio";
    readonly head: Record<string, unknown>;
    readonly chunks: readonly { timestamp_us: number; duration_us: number; key: boolean; data: string }[];
  };
  readonly bytes: string;
}

const file = new URL("./vectors/media.json", import.meta.url);
const { written, refused } = JSON.parse(readFileSync(file, "utf8")) as {
  written: Case[];
  refused: { name: string; bytes: string }[];
};

const asSegment = ({ segment: { kind, head, chunks } }: Case): MediaSegment =>
  ({
    kind,
    head,
    chunks: chunks.map(({ timestamp_us, duration_us, key, data }) => ({
      timestampUs: timestamp_us,
      durationUs: duration_us,
      key,
      bytes: new Uint8Array(Buffer.from(data, "hex")),
    })),
  }) as unknown as MediaSegment;

const head = { codec: "vp8", width: 2, height: 2, gaps: [] };
const chunk = (timestampUs: number, key: boolean, durationUs = 1000) => ({
  timestampUs,
  durationUs,
  key,
  bytes: new Uint8Array(1),
});
const video = (...chunks: ReturnType<typeof chunk>[]): MediaSegment => ({ kind: "video", head, chunks });

describe("media segments", () => {
  it.each(written)("$name", (one) => {
    const bytes = Buffer.from(writeSegment(asSegment(one)));
    expect(bytes.toString("hex")).toBe(one.bytes);
    const read = readSegment(bytes);
    expect(read.head).toEqual(one.segment.head);
    expect(read.chunks.map(({ timestampUs }) => timestampUs)).toEqual(
      one.segment.chunks.map(({ timestamp_us }) => timestamp_us),
    );
  });

  it.each(refused)("the reader refuses $name", ({ bytes }) => {
    expect(() => readSegment(Buffer.from(bytes, "hex"))).toThrow();
  });

  it("refuses to write what would be refused", () => {
    expect(() => writeSegment(video(chunk(1, false)))).toThrow("key frame");
    expect(() => writeSegment(video(chunk(5, true), chunk(5, false)))).toThrow("rise");
    expect(() => writeSegment(video(chunk(0, true), chunk(9_999_500, false)))).toThrow("longer");
    expect(() => writeSegment(video())).toThrow("neither");
    expect(() => writeSegment(video({ ...chunk(1, true), bytes: new Uint8Array(0) }))).toThrow("empty");
    const many = Array.from({ length: 4097 }, (_, at) => chunk(at, at === 0, 1));
    expect(() => writeSegment(video(...many))).toThrow("4097");
  });
});
