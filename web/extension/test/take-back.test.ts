import { createECDH } from "node:crypto";
import { describe, expect, it } from "vitest";
import { takeBack } from "../src/run/take-back";
import type { FileRequest } from "../src/spool/files";
import { type Run, Spool } from "../src/spool/spool";

const server = createECDH("prime256v1");
server.generateKeys();
const times = { fromMs: 1000, toMs: 2000, isTakenHere: false };
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
  discarded: [times],
};

describe("times that are taken back", () => {
  it("are gone from what waits, and nothing before or after them", async () => {
    const written: string[] = [];
    const files = async (request: FileRequest): Promise<unknown> => {
      if (request.op === "list") return [];
      if (request.op === "write") written.push(request.path.at(-1) ?? "");
      return undefined;
    };
    const spool = new Spool(files);
    await spool.beginRun(run);
    const name = (sequence: number, fromMs: number, toMs: number) =>
      ({ kind: "video", sequence, policyVersion: 1, fromMs, toMs }) as const;
    const names = [name(0, 0, 1000), name(1, 500, 1500), name(2, 1500, 1900), name(3, 2000, 2500)];
    for (const one of names) await spool.put("w", one, new Uint8Array([1]));
    written.length = 0;
    await takeBack(spool, run, times);
    expect(written).toEqual([
      "video-000000000001-1-500-1500.sealed",
      "video-000000000002-1-1500-1900.sealed",
      "run.json",
    ]);
    expect((await spool.run("w"))?.discarded).toEqual([{ ...times, isTakenHere: true }]);
  });
});
