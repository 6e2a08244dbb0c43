import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Gap, Recording } from "../../api/types";
import { soon } from "../../testing/soon";
import { PlaySession } from "../session";

const segment = (sequence: number, at_s: number, for_s = 2) => ({
  sequence,
  start_us: at_s * 1e6,
  duration_us: for_s * 1e6,
  size_bytes: 100,
  keyframe: true,
});
const common = { state: "closed", retention_class: "recording", kept_until: null, key_id: "key" };
const blocked: Gap = { from_us: 20e6, to_us: 26e6, reason: "url_denied" };
const shown = Array.from({ length: 10 }, (_, n) => segment(n, 2 * n));
const after = Array.from({ length: 10 }, (_, n) => segment(n + 10, 26 + 2 * n));
const video = {
  ...common,
  id: "trk_v",
  kind: "video",
  writer: "w",
  segments: [...shown, ...after],
  gaps: [blocked],
};
const heard = [
  ...shown,
  segment(99, 20, 0),
  ...after.map((each) => ({ ...each, start_us: each.start_us + 30_000 })),
];
const audio = { ...common, id: "trk_a", kind: "audio", writer: "w", segments: heard, gaps: [blocked] };
const later = { ...common, id: "trk_2", kind: "video", writer: "x", segments: [segment(0, 90)], gaps: [] };
const acts = { ...common, id: "trk_x", kind: "actions", writer: "w", segments: [segment(0, 1)], gaps: [] };
const recording = {
  id: "rec_a",
  source: "screen",
  duration_us: 92e6,
  size_bytes: 1,
  segments: 1,
  live: false,
  tracks: [audio, video, acts, later],
  viewers: [],
  subject: { id: "sub", label: "Olive Owl" },
} as unknown as Recording;

let asked: string[];
let refused: Set<string>;

/** A source that buffers nothing and says at once that it has. */
class Source extends EventTarget {
  static isTypeSupported = (type: string) => !type.includes("dream");
  duration = Number.NaN;
  readyState = "open";
  constructor() {
    super();
    setTimeout(() => this.dispatchEvent(new Event("sourceopen")), 0);
  }
  addSourceBuffer() {
    const buffer = new EventTarget() as EventTarget & Record<string, unknown>;
    const done = () => setTimeout(() => buffer.dispatchEvent(new Event("updateend")), 0);
    Object.assign(buffer, { appendBuffer: done, remove: done, changeType: () => undefined });
    return buffer;
  }
  endOfStream() {
    this.readyState = "ended";
  }
}

/** An element that is wherever it is sent. */
class Element extends EventTarget {
  src = "";
  muted = false;
  paused = true;
  seeking = false;
  ended = false;
  readyState = 4;
  playbackRate = 1;
  videoWidth = 0;
  buffered = { length: 0, start: () => 0, end: () => 0 };
  #at = 0;
  get currentTime() {
    return this.#at;
  }
  set currentTime(at: number) {
    this.#at = at;
    setTimeout(() => this.dispatchEvent(new Event("seeked")), 0);
  }
  async play() {
    this.paused = false;
  }
  pause() {
    this.paused = true;
  }
  load() {}
  removeAttribute() {
    this.src = "";
  }
}

beforeEach(() => {
  asked = [];
  refused = new Set();
  vi.stubGlobal("MediaSource", Source);
  vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:one");
  vi.spyOn(URL, "revokeObjectURL").mockReturnValue(undefined);
  vi.stubGlobal(
    "EventSource",
    class {
      addEventListener() {}
      close() {}
    },
  );
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const path = url.replace("/api/v1", "");
    if (path.endsWith("/plays")) {
      const { tracks, duration_us } = recording;
      const play = {
        id: "ply_a",
        recording: "rec_a",
        expires_at: "",
        entry: 1,
        content_origin: "",
        live: false,
      };
      return new Response(JSON.stringify({ ...play, tracks, duration_us }), { status: 201 });
    }
    const [, track = "", sequence] = /tracks\/(\w+)\/segments\/(\d+)/.exec(path) ?? [];
    if (track === "") return new Response(null, { status: 204 });
    if (track !== "trk_x") asked.push(`${track}:${sequence}`);
    init.signal?.throwIfAborted();
    if (refused.has(`${track}:${sequence}`)) return new Response("{}", { status: 422 });
    if (track === "trk_x") return new Response("[]");
    if (sequence === "99") return new Response(null, { status: 204 });
    const type = track === "trk_a" ? 'audio/mp4; codecs="opus"' : 'video/mp4; codecs="vp09"';
    return new Response(new Uint8Array([1]), { headers: { "Content-Type": type } });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function opened(atMs: number | null) {
  const session = new PlaySession(recording, atMs, async () => recording);
  const element = new Element();
  if (session.picture.kind === "video") session.picture.attach(element as unknown as HTMLVideoElement);
  await session.begin();
  await soon(() => expect(session.state.picture || session.state.gap !== null).toBe(true));
  return { session, element };
}

/** Everything within thirty seconds of a moment early on has been opened. */
const filled = () => soon(() => expect(asked).toContain("trk_v:12"));

describe("the picture of a screen", () => {
  it("opens what lies around the moment, and nothing of the sound", async () => {
    const { session, element } = await opened(5_000);
    await filled();
    expect(asked[0]).toBe("trk_v:2");
    expect(asked.filter((name) => !name.startsWith("trk_v"))).toEqual([]);
    expect(asked).not.toContain("trk_v:0");
    expect(asked).not.toContain("trk_v:19");
    expect(element.currentTime).toBe(5);
    expect(session.state.picture).toBe(true);
  });
  it("opens the sound of the same moment when that is turned on", async () => {
    const { session, element } = await opened(5_000);
    session.setSound(true);
    await soon(() => expect(asked.find((name) => name.startsWith("trk_a"))).toBe("trk_a:2"));
    expect(element.muted).toBe(false);
  });
  it("stands in a gap as a card that says why, and goes on behind it", async () => {
    const { session, element } = await opened(21_000);
    expect(session.state.gap?.gap).toEqual(blocked);
    expect(asked).toEqual([]);
    session.passGap();
    await soon(() => expect(element.currentTime).toBe(26));
    expect(session.state.gap).toBeNull();
  });
  it("is that of the run that holds the moment, and says where no run does", async () => {
    const { session } = await opened(0);
    expect(session.state.trackId).toBe("trk_v");
    session.seek(91_000);
    await soon(() => expect(session.state.trackId).toBe("trk_2"));
    session.seek(60_000);
    expect(session.state.gap?.gap.reason).toBe("off");
  });
  it("finds sound that begins a little later than its picture behind a gap", async () => {
    const { session, element } = await opened(5_000);
    session.setSound(true);
    session.seek(26_000);
    await soon(() => expect(asked).toContain("trk_a:10"));
    await soon(() => expect(element.currentTime).toBe(26));
    expect(session.state.trouble).toBeNull();
  });
  it("moves within what it holds without opening anything", async () => {
    const { session, element } = await opened(5_000);
    await filled();
    session.seek(9_000);
    expect(element.currentTime).toBe(9);
    await soon(() => expect(session.state.atMs).toBe(9_000));
    expect(asked.filter((name) => name === "trk_v:4")).toHaveLength(1);
  });
  it("has a gap where a segment does not open", async () => {
    refused.add("trk_v:3");
    const { session } = await opened(7_000);
    expect(session.state.gap?.gap).toEqual({ from_us: 6e6, to_us: 8e6, reason: "damaged" });
  });
  it("shows nothing of a moment that was left for a gap while it was opened", async () => {
    const { session, element } = await opened(5_000);
    session.seek(40_000);
    session.seek(21_000);
    await soon(() => expect(session.state.gap?.gap).toEqual(blocked));
    await new Promise((done) => setTimeout(done, 30));
    expect(element.currentTime).toBe(5);
    expect(session.state.watched.every(({ from_us }) => from_us < 40e6)).toBe(true);
  });
  it("plays by itself where no moment is named", async () => {
    const { session, element } = await opened(null);
    await soon(() => expect(element.paused).toBe(false));
    expect(session.state.waiting).toBe(false);
  });
  it("plays to the edge of a gap and not over it", async () => {
    const { session, element } = await opened(19_000);
    session.play();
    await soon(() => expect(element.paused).toBe(false));
    element.currentTime = 20.2;
    await soon(() => expect(session.state.gap?.gap).toEqual(blocked));
    expect(session.state.atMs).toBe(20_000);
    expect(element.paused).toBe(true);
  });
  it("goes at once when the play ends", async () => {
    const { session, element } = await opened(5_000);
    element.src = "blob:one";
    await session.end();
    expect(element.src).toBe("");
    expect(session.state).toMatchObject({ picture: false, peaks: [], marks: [] });
  });
});
