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
  unreadable = false;

  readonly ask = async (request: FileRequest): Promise<unknown> => {
    const path = request.path.join("/");
    switch (request.op) {
      case "write":
        if (this.full) throw new Error("QuotaExceededError");
        this.files.set(path, request.bytes);
        return undefined;
      case "read":
        if (this.unreadable && !path.endsWith(".json")) throw new Error("NotReadableError");
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
  recorder: "rcr_1",
  token: `cit_${writer}`,
  renewAtMs: null,
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

const leave = (over: Record<string, unknown> = {}): Answer =>
  answer(201, "", {
    token: "cit_new",
    recording: "rec_1",
    server_time_ms: 1,
    tracks: { video: { id: "trk_a", next_sequence: 0 }, actions: { id: "trk_aa", next_sequence: 0 } },
    policy: { document: "", signature: "" },
    spool: { key_id: "key_2", public_key: "AA" },
    ...over,
  });

class Scene {
  readonly disk = new Disk();
  readonly spool = new Spool(this.disk.ask);
  readonly log: string[] = [];
  put: (token: string, segment: SealedSegment) => Answer = (_, segment) => receipt(segment);
  start: () => Answer = () => answer(0);
  discard: () => Answer = () => answer(202);
  end: () => Answer = () => answer(204);
  recorderGone = 0;
  readonly missing: number[] = [];
  readonly takenBack: number[] = [];
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
        return this.discard();
      },
      end: async (_, reason) => {
        this.log.push(`end ${reason}`);
        return this.end();
      },
    }),
    ({ recorder }) => (recorder === "rcr_1" ? "crt_1" : null),
    {
      acknowledged: () => {},
      missing: ({ sequence }) => this.missing.push(sequence),
      takeBack: async (_, { fromMs }) => {
        this.takenBack.push(fromMs);
      },
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

const TIMES = { fromMs: 1, toMs: 2, isTakenHere: false };

/** Lets time pass until something was done. Where it never is, what is expected next says so. */
async function until(isDone: () => boolean): Promise<void> {
  for (const since = performance.now(); performance.now() - since < 4000 && !isDone(); ) {
    await vi.advanceTimersByTimeAsync(1);
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
    expect(scene.names).toContain(`quarantine/rec_1~a~receipt-differs/${segmentName(name(0))}`);
    expect(scene.names.filter((path) => path.startsWith("runs/"))).toEqual([]);
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
    const began = Date.now();
    await until(() => scene.log.length === 4);
    // Three quarters of 1, 2 and 4 seconds at least.
    expect(Date.now() - began).toBeGreaterThan(5000);
    await until(() => scene.uploader.trouble !== null && scene.uploader.trouble.nextTryAtMs > Date.now());
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
    scene.start = () => leave();
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["put video 0 cit_a", "start", "put video 0 cit_new", "end stopped"]);
  });

  it("renews the token of what is recorded before it runs out, and when somebody says it was refused", async () => {
    vi.setSystemTime(1_000_000);
    await scene.spool.beginRun(run("a", { ended: null, renewAtMs: 999_000, startedAtMs: 1_000_000 }));
    scene.uploader.current = "a";
    scene.start = () => leave({ expires_at: new Date(15 * 60_000 + 1).toISOString() });
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["start"]);
    expect(await scene.spool.run("a")).toMatchObject({
      token: "cit_new",
      renewAtMs: 1_000_000 + 12 * 60_000,
    });
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["start"]);
    scene.uploader.refresh("a");
    await pass(100);
    expect(scene.log).toEqual(["start", "start"]);
  });

  it("tells the end with a token that is good", async () => {
    await scene.spool.beginRun(run("a"));
    scene.start = () => {
      scene.end = () => answer(204);
      return leave();
    };
    scene.end = () => answer(401, "token-expired");
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["end stopped", "start", "end stopped"]);
    expect(scene.names).toEqual([]);
  });

  it("gives no other server, and no other enrolment's run, the token there is now", async () => {
    await scene.spool.beginRun(run("a", { recorder: "rcr_of_another" }));
    await scene.lies("a", name(0));
    scene.put = () => answer(401, "unknown-token");
    void scene.uploader.nudge();
    await until(() => scene.uploader.trouble !== null);
    await pass(30_000);
    expect([scene.log, scene.recorderGone]).toEqual([["put video 0 cit_a"], 0]);
    expect(scene.uploader.trouble?.reason).toBe("not-joined");
  });

  it("does not ask for token after token where none is taken", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    scene.put = () => answer(401, "token-expired");
    scene.start = () => leave();
    void scene.uploader.nudge();
    const starts = () => scene.log.filter((line) => line === "start").length;
    await until(() => starts() === 3);
    await pass(30_000);
    expect(starts()).toBe(3);
    expect(scene.names).toContain(`runs/a/${segmentName(name(0))}`);
  });

  it("does not let one run's trouble keep another waiting", async () => {
    await scene.spool.beginRun(run("old"));
    await scene.spool.beginRun(run("now", { ended: null, startedAtMs: 2 }));
    scene.uploader.current = "now";
    await scene.lies("old", name(0));
    scene.put = (token, segment) => (token === "cit_old" ? answer(403, "refused") : receipt(segment));
    void scene.uploader.nudge();
    await until(() => scene.uploader.trouble !== null);
    expect(scene.uploader.trouble?.reason).toBe("refused");
    await scene.lies("now", name(7));
    void scene.uploader.nudge();
    await until(() => scene.log.length > 1);
    expect(scene.log).toEqual(["put video 0 cit_old", "put video 7 cit_now"]);
  });

  it("leaves out a file that is gone, says so, and goes on", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0), name(1));
    scene.disk.files.delete(`runs/a/${segmentName(name(0))}`);
    await scene.uploader.nudge();
    expect(scene.missing).toEqual([0]);
    expect(scene.log).toEqual(["put video 1 cit_a", "end stopped"]);
  });

  it("asks a disk again that refused", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    scene.disk.unreadable = true;
    const done = scene.uploader.nudge();
    await until(() => scene.uploader.trouble !== null);
    expect(scene.uploader.trouble?.reason).toBe("disk");
    scene.disk.unreadable = false;
    await pass(60_000);
    await done;
    expect(scene.log).toEqual(["put video 0 cit_a", "end stopped"]);
  });

  it.each([
    [404, "not-found"],
    [409, "busy"],
    [400, ""],
  ])("keeps a segment for another time after %s %s", async (status, slug) => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    let isWell = false;
    scene.put = (_, segment) => (isWell ? receipt(segment) : answer(status, slug));
    const done = scene.uploader.nudge();
    await until(() => scene.uploader.trouble !== null);
    expect(await scene.spool.refused()).toEqual([]);
    isWell = true;
    scene.uploader.hurry();
    await pass(100);
    await done;
    expect(scene.log.at(-1)).toBe("end stopped");
  });

  it.each([[404], [409], [410], [422]])(
    "does not forget a discard that was answered with %s",
    async (status) => {
      await scene.spool.beginRun(run("a", { discarded: [TIMES] }));
      await scene.lies("a", name(0));
      scene.discard = () => answer(status, "no");
      const done = scene.uploader.nudge();
      await until(() => scene.names.length === 1);
      expect(scene.log).toEqual(["discard 1-2", "put video 0 cit_a"]);
      expect((await scene.spool.run("a"))?.discarded).toEqual([TIMES]);
      scene.discard = () => answer(202);
      scene.uploader.hurry();
      await pass(100);
      await done;
      expect([scene.log.at(-1), scene.names]).toEqual(["end stopped", []]);
    },
  );

  it("keeps what was thrown away in mind where the server goes on in another recording", async () => {
    await scene.spool.beginRun(run("a", { discarded: [TIMES] }));
    scene.discard = () => answer(401, "token-expired");
    scene.start = () => leave({ recording: "rec_other" });
    void scene.uploader.nudge();
    await until(() => scene.uploader.trouble !== null);
    await pass(1000);
    expect((await scene.spool.run("a"))?.discarded).toEqual([TIMES]);
    expect(scene.log).toEqual(["discard 1-2", "start"]);
    // Asked again it would begin one more recording each time.
    scene.uploader.hurry();
    await until(() => scene.log.length > 2);
    await pass(1000);
    expect(scene.log).toEqual(["discard 1-2", "start", "discard 1-2"]);
  });

  it("renews the token of a run that ended, and forgets it when nothing of it can be taken back any more", async () => {
    const expires = new Date(15 * 60_000).toISOString();
    scene.start = () => leave({ server_time_ms: 0, expires_at: expires });
    await scene.spool.beginRun(run("a"));
    scene.uploader.refresh("a");
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["start", "end stopped"]);
    const kept = await scene.spool.run("a");
    expect([kept?.token, kept?.takeBackUntilMs]).toEqual(["cit_new", Date.now() + 12 * 60_000]);
    await scene.uploader.nudge();
    expect(scene.log).toHaveLength(2);

    await scene.spool.changeRun("a", () => ({
      discarded: [{ fromMs: 1, toMs: 2, isTakenHere: true }],
    }));
    await scene.uploader.nudge();
    expect(scene.log.at(-1)).toBe("discard 1-2");
    vi.setSystemTime(Date.now() + 13 * 60_000);
    await scene.uploader.nudge();
    expect(await scene.spool.run("a")).toBeNull();
    expect(scene.log.filter((line) => line.startsWith("end"))).toHaveLength(1);
  });

  it("does not take silence for a refusal of a new token", async () => {
    scene.start = () => answer(0);
    await scene.spool.beginRun(run("a"));
    scene.uploader.refresh("a");
    void scene.uploader.nudge();
    for (const tries of [1, 2, 3, 4, 5]) {
      await until(() => scene.log.length >= tries && scene.uploader.trouble !== null);
      expect(scene.uploader.trouble?.reason).toBe("unreachable");
      scene.uploader.hurry();
    }
    scene.start = () => leave();
    await until(() => scene.log.includes("end stopped"));
    expect(scene.log.at(-1)).toBe("end stopped");
  });

  it("tells the end with the token there is where no other is given", async () => {
    scene.start = () => answer(403, "capture-off");
    await scene.spool.beginRun(run("a", { ended: "shutdown" }));
    scene.uploader.refresh("a");
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["start", "end shutdown"]);
    expect(await scene.spool.run("a")).toBeNull();
  });

  it("begins no other recording to take back times of one whose end was told", async () => {
    scene.discard = () => answer(401, "token-expired");
    const times = { fromMs: 1, toMs: 2, isTakenHere: true };
    await scene.spool.beginRun(run("a", { takeBackUntilMs: Date.now() + 1000, discarded: [times] }));
    void scene.uploader.nudge();
    await until(() => scene.uploader.trouble !== null);
    expect(scene.uploader.trouble?.reason).toBe("recording-closed");
    expect(scene.log).toEqual(["discard 1-2"]);
  });

  it("stops asking where the recorder itself was ended", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    scene.put = () => answer(401, "token-expired");
    scene.start = () => answer(401, "recorder-ended");
    void scene.uploader.nudge();
    await until(() => scene.recorderGone > 0);
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
    await scene.spool.beginRun(run("a", { discarded: [TIMES] }));
    await scene.lies("a", name(0));
    await scene.uploader.nudge();
    expect(scene.log).toEqual(["discard 1-2", "put video 0 cit_a", "end stopped"]);
    expect(scene.takenBack).toEqual([1]);
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

  it("sends what was put aside once more when the person says so", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(0));
    scene.put = () => answer(422, "malformed-media");
    await scene.uploader.nudge();
    expect(await scene.spool.run("a")).toBeNull();
    scene.put = (_, segment) => receipt(segment);
    await scene.uploader.between(() => scene.spool.retryRefused());
    await scene.uploader.nudge();
    expect([scene.log.at(-2), scene.names]).toEqual(["put video 0 cit_a", []]);
  });

  it("puts aside what belongs to a run that cannot be read, and sweeps what was never finished", async () => {
    await scene.spool.beginRun(run("a"));
    await scene.lies("a", name(3));
    scene.disk.files.set("runs/a/run.json", new Uint8Array([123]));
    scene.disk.files.set(`runs/a/${segmentName(name(4))}.writing`, new Uint8Array(3));
    const later = new Spool(scene.disk.ask);
    expect(await later.runs()).toEqual([]);
    expect((await later.refused()).map(({ reason, name: { sequence } }) => [reason, sequence])).toEqual([
      ["run-unreadable", 3],
    ]);
    expect(scene.names).toHaveLength(1);
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
