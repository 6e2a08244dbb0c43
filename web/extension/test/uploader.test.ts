import { createHash } from "node:crypto";
import type { Answer } from "@clerestory/capture/src/transport/ask";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Uploader } from "../src/send/uploader";
import type { SealedSegment } from "../src/server/server";
import type { FileRequest, Listed } from "../src/spool/files";
import type { SegmentName } from "../src/spool/names";
import { readSegmentName, segmentName } from "../src/spool/names";
import { type Run, Spool } from "../src/spool/spool";

/** Files in memory, as the worker answers about them. */
class Disk {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  full = false;

  readonly ask = async (request: FileRequest): Promise<unknown> => {
    const path = request.path.join("/");
    switch (request.op) {
      case "write":
        if (this.full) throw new Error("QuotaExceededError");
        this.files.set(path, request.bytes);
        return undefined;
      case "read":
        return this.files.get(path) ?? null;
      case "remove":
        for (const name of [...this.files.keys()])
          if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
        return undefined;
      case "move": {
        const bytes = this.files.get(path);
        if (!bytes) throw new Error("NotFoundError");
        this.files.delete(path);
        this.files.set(request.to.join("/"), bytes);
        return undefined;
      }
      case "list": {
        const below = [...this.files].filter(([name]) => name.startsWith(`${path}/`));
        const rows = below.map(([name, { length: size }]): [string, Listed] => {
          const [first = "", ...rest] = name.slice(path.length + 1).split("/");
          return [first, { name: first, isFolder: rest.length > 0, size }];
        });
        return [...new Map(rows).values()];
      }
    }
  };
}

const run = (writer: string, over: Partial<Run> = {}): Run => ({
  writer,
  server: "https://clerestory.example",
  token: `cit_${writer}`,
  recording: "rec_1",
  tracks: { video: `trk_${writer}`, audio: null, actions: `trk_${writer}a` },
  spoolKeyId: "key_1",
  spoolKey: "AA",
  surface: "tab",
  notice: "1",
  startedAtMs: 1,
  ended: "stopped",
  discarded: [],
  ...over,
});
const name = (sequence: number, kind: SegmentName["kind"] = "video"): SegmentName => ({
  kind,
  sequence,
  policyVersion: 3,
  fromMs: 1000 * sequence,
  toMs: 1000 * sequence + 1000,
});
const answer = (status: number, slug = "", body: Record<string, unknown> = {}): Answer => ({
  status,
  slug,
  body,
  retryAfterMs: null,
});
const receipt = ({ sequence, body }: SealedSegment): Answer =>
  answer(200, "", {
    acknowledged: sequence,
    policy_version: 3,
    sha256: createHash("sha256").update(body).digest("hex"),
  });

class Scene {
  readonly disk = new Disk();
  readonly spool = new Spool(this.disk.ask);
  readonly log: string[] = [];
  put: (token: string, segment: SealedSegment) => Answer = (_, segment) => receipt(segment);
  start: () => Answer = () => answer(0);
  recorderGone = 0;
  readonly uploader = new Uploader(
    this.spool,
    () => ({
      put: async (token, segment) => {
        this.log.push(`put ${segment.kind} ${segment.sequence} ${token}`);
        return this.put(token, segment);
      },
      start: async () => {
        this.log.push("start");
        return this.start();
      },
      discard: async (_, from, to) => {
        this.log.push(`discard ${from}-${to}`);
        return answer(202);
      },
      end: async (_, reason) => {
        this.log.push(`end ${reason}`);
        return answer(204);
      },
    }),
    () => "crt_1",
    {
      acknowledged: () => {},
      changed: () => {},
      ended: () => {
        this.recorderGone += 1;
      },
    },
  );

  async lies(writer: string, ...names: SegmentName[]): Promise<void> {
    for (const one of names) await this.spool.put(writer, one, new Uint8Array([one.sequence, 7]));
  }

  get names(): string[] {
    return [...this.disk.files.keys()];
  }
}

/** Lets time pass, and between two steps what does not hang on time: hashing is done elsewhere. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("names of files", () => {
  it("say what they said", () => {
    for (const one of [name(0), name(12, "audio"), name(999_999, "actions")])
      expect(readSegmentName(segmentName(one))).toEqual(one);
  });

  it("are no names where a file was not written to its end", () => {
    expect(readSegmentName(`${segmentName(name(1))}.writing`)).toBeNull();
    expect(readSegmentName("run.json")).toBeNull();
  });
});

describe("sending", () => {
  let scene: Scene;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    scene = new Scene();
  });
  afterEach(() => vi.useRealTimers());

  it("goes oldest first, deletes on the receipt, and ends the run", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(1), name(0), name(0, "actions"));
    await scene.uploader.nudge();
    expect(scene.log).toEqual([
      "put video 0 cit_a",
      "put actions 0 cit_a",
      "put video 1 cit_a",
      "end stopped",
    ]);
    expect(scene.names).toEqual([]);
  });

  it("keeps what the server took otherwise than it was sent, and puts it aside when that goes on", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0), name(1));
    scene.put = (_, segment) =>
      segment.sequence === 0 ? answer(200, "", { acknowledged: 0, sha256: "00" }) : receipt(segment);
    const done = scene.uploader.nudge();
    await pass(1000);
    expect(scene.names).toContain(`runs/a/${segmentName(name(0))}`);
    await pass(10 * 60_000);
    await done;
    expect(scene.names).toEqual([`quarantine/rec_1~a~receipt-differs/${segmentName(name(0))}`]);
  });

  it("puts a segment aside that is never taken, and goes on with the next", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0), name(1), name(2));
    scene.put = (_, segment) => {
      if (segment.sequence === 0) return answer(422, "malformed-media");
      return segment.sequence === 1 ? answer(409, "sequence-taken") : receipt(segment);
    };
    await scene.uploader.nudge();
    expect((await scene.spool.refused()).map(({ reason }) => reason).sort()).toEqual([
      "malformed-media",
      "sequence-taken",
    ]);
    expect(scene.log.at(-1)).toBe("end stopped");
  });

  it("deletes what the server says was taken back", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0), name(1));
    scene.put = (_, segment) =>
      segment.sequence === 0 ? answer(422, "segment-taken-back") : receipt(segment);
    await scene.uploader.nudge();
    expect([scene.names, scene.log.at(-1)]).toEqual([[], "end stopped"]);
  });

  it("waits longer each time where the server cannot be reached, and loses nothing", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    let reachable = false;
    scene.put = (_, segment) => (reachable ? receipt(segment) : answer(0));
    const done = scene.uploader.nudge();
    await pass(60_000);
    const tries = scene.log.length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(12);
    expect(scene.uploader.trouble?.reason).toBe("unreachable");
    reachable = true;
    scene.uploader.hurry();
    await pass(100);
    await done;
    expect(scene.names).toEqual([]);
    expect(scene.uploader.trouble).toBeNull();
  });

  it("renews a token that ran out, for the same tracks", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    scene.put = (token, segment) => (token === "cit_new" ? receipt(segment) : answer(401, "token-expired"));
    const tracks = { video: { id: "trk_a", next_sequence: 0 }, actions: { id: "trk_aa", next_sequence: 0 } };
    const policy = { document: "", signature: "" };
    const spool = { key_id: "key_2", public_key: "AA" };
    scene.start = () =>
      answer(201, "", { token: "cit_new", recording: "rec_1", server_time_ms: 1, tracks, policy, spool });
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["put video 0 cit_a", "start", "put video 0 cit_new", "end stopped"]);
  });

  it("stops asking where the recorder itself was ended", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    scene.put = () => answer(401, "token-expired");
    scene.start = () => answer(401, "recorder-ended");
    void scene.uploader.nudge();
    await pass(60_000);
    expect(scene.recorderGone).toBe(1);
    expect(scene.log).toEqual(["put video 0 cit_a", "start"]);
  });

  it("puts what is left aside where the recording is closed", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0), name(1));
    scene.put = () => answer(410, "recording-closed");
    await scene.uploader.nudge();
    expect((await scene.spool.refused()).map(({ reason }) => reason)).toEqual([
      "recording-closed",
      "recording-closed",
    ]);
  });

  it("keeps what is known of a run that was cut off, so that the next one can go on in its recording", async () => {
    vi.setSystemTime(1_000_000);
    await scene.spool.beginRun(run("a", { ended: null, startedAtMs: 900_000 }));
    await scene.lies("a", name(0));
    await scene.uploader.nudge();
    expect(scene.names).toEqual(["runs/a/run.json"]);
    expect(scene.log).toEqual(["put video 0 cit_a"]);
    await scene.spool.changeRun("a", () => ({ ended: "continued" }));
    await scene.uploader.nudge();
    expect([scene.names, scene.log.at(-1)]).toEqual([[], "put video 0 cit_a"]);
  });

  it("sends what is being recorded before what was left behind", async () => {
    await scene.spool.beginRun(run("old", { startedAtMs: 1 }));
    await scene.spool.beginRun(run("new", { startedAtMs: 2, ended: null }));
    await scene.lies("old", name(0));
    await scene.lies("new", name(5));
    scene.uploader.current = "new";
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["put video 5 cit_new", "put video 0 cit_old", "end stopped"]);
  });

  it("tells the server what was thrown away before it sends anything more", async () => {
    await scene.spool.beginRun(run("a", { discarded: [{ fromMs: 1, toMs: 2 }] }));
    await scene.lies("a", name(0));
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["discard 1-2", "put video 0 cit_a", "end stopped"]);
  });

  it("does other work only while nothing is on its way", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0), name(1));
    const order: string[] = [];
    scene.put = (_, segment) => {
      order.push(`put ${segment.sequence}`);
      return receipt(segment);
    };
    const sent = scene.uploader.nudge();
    await scene.uploader.between(async () => {
      order.push("between");
      await scene.spool.replace("a", name(1), new Uint8Array([9]));
    });
    await sent;
    expect(order).toContain("between");
    expect(scene.names).toEqual([]);
  });

  it("reads what a run before left on the disk", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(3));
    scene.disk.files.set(`runs/a/${segmentName(name(4))}.writing`, new Uint8Array(3));
    const later = new Spool(scene.disk.ask);
    expect((await later.waiting("a")).map(({ sequence }) => sequence)).toEqual([3]);
    expect((await later.runs()).map(({ writer }) => writer)).toEqual(["a"]);
  });
});
