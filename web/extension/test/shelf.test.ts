import { createECDH } from "node:crypto";
import { describe, expect, it } from "vitest";
import { open } from "../../capture/test/support/hpke-open.mjs";
import { readSegment } from "../e2e/lib/media.mjs";
import { discardedSegment, type Finished, Shelf } from "../src/run/shelf";
import type { FileRequest } from "../src/spool/files";
import { readSegmentName } from "../src/spool/names";
import { type Run, Spool } from "../src/spool/spool";

const server = createECDH("prime256v1");
server.generateKeys();
const run: Run = {
  writer: "w",
  server: "https://clerestory.example",
  recorder: "rcr_1",
  token: "cit_1",
  renewAtMs: null,
  recording: "rec_1",
  tracks: { video: "trk_v", audio: null, actions: "trk_a" },
  spoolKeyId: "key_1",
  spoolKey: server.getPublicKey().toString("base64url"),
  surface: "tab",
  notice: "1",
  startedAtMs: 1,
  ended: null,
  discarded: [],
};

const pictures = (atMs: number): Finished => ({
  kind: "video",
  cut: {
    format: { codec: "vp8", width: 4, height: 2 },
    chunks: [{ timestampUs: atMs * 1000, durationUs: 1000, key: true, bytes: new Uint8Array([1, 2, 3]) }],
    gaps: [],
    fromMs: atMs,
    toMs: atMs + 1,
  },
});

function shelf() {
  const written: { name: string; bytes: Buffer }[] = [];
  const lost: string[] = [];
  const disk = { full: false };
  const files = async (request: FileRequest): Promise<unknown> => {
    if (request.op === "list") return [];
    if (request.op !== "write") throw new Error(request.op);
    if (disk.full) throw new Error("no room");
    written.push({ name: request.path.at(-1) ?? "", bytes: Buffer.from(request.bytes) });
    return undefined;
  };
  const opened = ({ name, bytes: message }: { name: string; bytes: Buffer }) => {
    const { kind = "video", sequence } = readSegmentName(name) ?? {};
    const info = Buffer.from(["clerestory spool 1", "rec_1", run.tracks[kind], String(sequence)].join("\0"));
    return open({ privateKey: server.getPrivateKey(), message, info }) as Buffer;
  };
  let version = 3;
  const made = new Shelf(new Spool(files), run, { video: 5, audio: 0, actions: 0 }, () => version, {
    kept: () => {},
    lost: (kind, from, to) => lost.push(`${kind} ${from}-${to}`),
  });
  const inForce = (next: number) => {
    version = next;
  };
  return { made, written, lost, disk, opened, inForce };
}

describe("the shelf", () => {
  it("seals each segment for its place, and numbers them from where the track stands", async () => {
    const { made, written, opened } = shelf();
    made.put(pictures(10));
    made.put({ kind: "actions", cut: { text: '[{"t":1}]', fromMs: 1, toMs: 1 } });
    made.put(pictures(20));
    await made.idle();
    expect(written.map(({ name }) => name)).toEqual([
      "video-000000000005-3-10-11.sealed",
      "actions-000000000000-3-1-1.sealed",
      "video-000000000006-3-20-21.sealed",
    ]);
    const [first, actions] = written.map(opened);
    expect(readSegment(first).chunks[0].timestampUs).toBe(10_000);
    expect(actions?.toString()).toBe('[{"t":1}]');
    expect(written.every(({ bytes }) => !bytes.includes("vp8") && !bytes.includes('"t"'))).toBe(true);
  });

  it("does not use up the number of what the disk did not take, and says what is lost", async () => {
    const { made, written, lost, disk } = shelf();
    disk.full = true;
    made.put(pictures(10));
    await made.idle();
    disk.full = false;
    made.put(pictures(20));
    await made.idle();
    expect(lost).toEqual(["video 10-11"]);
    expect(written.map(({ name }) => name)).toEqual(["video-000000000005-3-20-21.sealed"]);
  });

  it("names the policy under which a segment was finished", async () => {
    const { made, written, inForce } = shelf();
    made.put(pictures(10));
    inForce(4);
    await made.idle();
    expect(readSegmentName(written[0]?.name ?? "")?.policyVersion).toBe(3);
  });

  it("keeps nothing of a track there is none of", async () => {
    const { made, written } = shelf();
    made.put({ kind: "audio", cut: { format: null, chunks: [], gaps: [], fromMs: 1, toMs: 2 } });
    await made.idle();
    expect(written).toEqual([]);
  });
});

describe("a segment in the place of one that was thrown away", () => {
  const name = { sequence: 1, policyVersion: 1, fromMs: 5, toMs: 9 };

  it("says only that", () => {
    const gap = { from_ms: 5, to_ms: 9, reason: "discarded" };
    for (const kind of ["video", "audio"] as const) {
      const { chunks, head } = readSegment(Buffer.from(discardedSegment({ ...name, kind })));
      expect([chunks, head.gaps]).toEqual([[], [gap]]);
    }
    const text = Buffer.from(discardedSegment({ ...name, kind: "actions" })).toString();
    expect(JSON.parse(text)).toEqual([{ t: 5, kind: "gap", to: 9, reason: "discarded" }]);
  });
});
