import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Gap, Recording } from "../api/types";
import { type FromPlayer, PlayerChannel, type ToPlayer } from "./channel";
import { PlaySession } from "./session";

const segment = (sequence: number, keyframe = false) => ({
  sequence,
  start_us: sequence * 5_000_000,
  duration_us: 4_900_000,
  size_bytes: 100,
  keyframe,
});
const track = {
  id: "trk_a",
  kind: "dom",
  writer: "w",
  state: "closed",
  retention_class: "replay",
  kept_until: null,
  key_id: "key_a",
  segments: [segment(0, true), segment(1), segment(2), segment(3, true), segment(4)],
  gaps: [] as Gap[],
};
const recording = {
  id: "rec_a",
  duration_us: 24_900_000,
  size_bytes: 500,
  segments: 5,
  live: false,
  tracks: [track],
  viewers: [],
  subject: { id: "sub", label: "Olive Owl" },
} as unknown as Recording;

const problem = (slug: string, status: number) =>
  new Response(
    JSON.stringify({ type: `urn:clerestory:problem:${slug}`, title: slug, status, rule: "r", entry: 7 }),
    { status },
  );

type Answer = (path: string, init: RequestInit) => Response | undefined;
let asked: string[];
let streams: { onerror: (() => void) | null; say: (name: string, data: unknown) => void; closed: boolean }[];

/** A server that plays; `answer` may say otherwise. */
function serve(answer: Answer = () => undefined, tracks = [track]): void {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const path = url.replace("/api/v1", "");
    asked.push(`${init.method ?? "GET"} ${path}`);
    const other = answer(path, init);
    if (other) return other;
    if (path.endsWith("/plays")) {
      const play = {
        id: "ply_a",
        recording: "rec_a",
        expires_at: "2026-11-22T05:00:00.000000Z",
        entry: 12,
        tracks,
        duration_us: recording.duration_us,
        live: false,
        content_origin: "http://127.0.0.1:1",
      };
      return new Response(JSON.stringify(play), { status: 201 });
    }
    if (path.includes("/segments/")) {
      const sequence = Number(path.split("/").at(-1));
      return new Response(JSON.stringify([{ type: 3, timestamp: 1000 + sequence, data: {} }]));
    }
    return new Response(null, { status: 204 });
  });
}

/** The player page's end of the port. */
function page(session: PlaySession) {
  const sent: ToPlayer[] = [];
  const port = {
    postMessage: (message: ToPlayer) => sent.push(message),
    close: () => undefined,
  } as unknown as MessagePort;
  if (session.picture.kind === "page") session.picture.attach(new PlayerChannel(port));
  const say = (message: FromPlayer) => port.onmessage?.({ data: message } as MessageEvent);
  const last = (type: ToPlayer["type"]) => sent.findLast((message) => message.type === type);
  return { sent, say, last };
}

const settled = () => new Promise((done) => setTimeout(done, 20));

beforeEach(() => {
  asked = [];
  streams = [];
  vi.stubGlobal(
    "EventSource",
    class {
      static CLOSED = 2;
      readyState = 1;
      onerror: (() => void) | null = null;
      closed = false;
      #heard = new Map<string, (event: { data: string }) => void>();
      constructor() {
        streams.push(this);
      }
      addEventListener(name: string, heard: (event: { data: string }) => void) {
        this.#heard.set(name, heard);
      }
      say(name: string, data: unknown) {
        this.#heard.get(name)?.({ data: JSON.stringify(data) });
      }
      close() {
        this.closed = true;
      }
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

async function opened(atMs: number | null = 0, tracks = [track], answer?: Answer) {
  serve(answer, tracks);
  const session = new PlaySession(recording, atMs, async () => recording);
  const player = page(session);
  await session.begin();
  await settled();
  return { session, ...player };
}

describe("a play", () => {
  it("opens nothing before it is begun", async () => {
    serve();
    const session = new PlaySession(recording, 0, async () => recording);
    page(session);
    await settled();
    expect(asked).toEqual([]);
    expect(session.state.phase.kind).toBe("sealed");
  });
  it("hands over the keyframe before the moment and what follows up to it", async () => {
    const { last } = await opened(11_000);
    expect(last("load")).toMatchObject({ at_ms: 11_000, play: false, earliest: true });
    const load = last("load");
    expect(load?.type === "load" && load.segments.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
  });
  it("asks for a reason where one is required, and then opens with it", async () => {
    const { session } = await opened(0, [track], (path, init) =>
      path.endsWith("/plays") && !String(init.body).includes("ticket")
        ? problem("reason-required", 422)
        : undefined,
    );
    expect(session.state.phase.kind).toBe("reason");
    await session.begin("support ticket 1");
    expect(session.state.phase).toMatchObject({ kind: "open", reason: "support ticket 1" });
  });
  it("shows a refusal with its rule and entry", async () => {
    const { session } = await opened(0, [track], (path) =>
      path.endsWith("/plays") ? problem("refused", 403) : undefined,
    );
    const { phase } = session.state;
    expect(phase.kind === "refused" && phase.error.problem).toMatchObject({ rule: "r", entry: 7 });
  });
  it("seeks within what the page holds, and loads anew beyond it", async () => {
    const { session, say, last, sent } = await opened(11_000);
    say({ type: "painted", load: 1, at_ms: 11_000, took_ms: 1 });
    session.seek(6_000);
    expect(last("seek")).toEqual({ type: "seek", at_ms: 6_000 });
    await settled();
    const loads = sent.filter((message) => message.type === "load").length;
    session.seek(3_000);
    expect(sent.filter((message) => message.type === "load")).toHaveLength(loads);
  });
  it("is ended when the page is left while it is being begun", async () => {
    serve();
    const session = new PlaySession(recording, 0, async () => recording);
    const begun = session.begin();
    session.leave();
    await begun;
    expect(asked).toContain("DELETE /plays/ply_a");
    expect(session.state.phase.kind).not.toBe("open");
  });
  it("tells what was watched before it ends", async () => {
    const { session, say } = await opened(null);
    say({ type: "painted", load: 1, at_ms: 0, took_ms: 1 });
    say({ type: "position", load: 1, at_ms: 100, playing: true });
    say({ type: "position", load: 1, at_ms: 900, playing: true });
    await session.end();
    expect(asked.slice(-2)).toEqual(["POST /plays/ply_a/ranges", "DELETE /plays/ply_a"]);
    expect(session.state.phase).toEqual({ kind: "ended", by: "you" });
  });
  it("ends after what was watched is told, where the player is left for another page of the console", async () => {
    const { session, say } = await opened(null);
    say({ type: "painted", load: 1, at_ms: 0, took_ms: 1 });
    say({ type: "position", load: 1, at_ms: 100, playing: true });
    say({ type: "position", load: 1, at_ms: 900, playing: true });
    session.leave();
    expect(asked.at(-1)).toBe("POST /plays/ply_a/ranges");
    await settled();
    expect(asked.at(-1)).toBe("DELETE /plays/ply_a");
  });
});

describe("a seek while playing", () => {
  const ranges = () => asked.filter((call) => call.endsWith("/ranges")).length;

  it("adds nothing it passed over to what was watched, whatever the page still says of the place before", async () => {
    const { session, say, last } = await opened();
    session.play();
    say({ type: "painted", load: 1, at_ms: 0, took_ms: 1 });
    await settled();
    say({ type: "position", load: 1, at_ms: 100, playing: true });
    session.seek(8_000);
    session.seek(20_000);
    expect(last("seek")).toEqual({ type: "seek", at_ms: 20_000 });
    say({ type: "position", load: 1, at_ms: 300, playing: true });
    say({ type: "painted", load: 1, at_ms: 8_000, took_ms: 1 });
    say({ type: "position", load: 1, at_ms: 8_100, playing: true });
    say({ type: "reached", at_ms: 5_000 });
    expect(session.state.atMs).toBe(20_000);
    say({ type: "position", load: 1, at_ms: 20_010, playing: true });
    say({ type: "painted", load: 1, at_ms: 20_000, took_ms: 1 });
    say({ type: "position", load: 1, at_ms: 20_100, playing: true });
    say({ type: "position", load: 1, at_ms: 20_200, playing: true });
    await session.end();
    expect(session.watchedUs).toBeLessThan(200_000);
    expect(ranges()).toBeGreaterThan(0);
  });
});

describe("play", () => {
  it("asks again for what did not come", async () => {
    let away = true;
    const { session, last } = await opened(0, [track], (path) =>
      away && path.includes("/segments/") ? problem("unavailable", 503) : undefined,
    );
    expect(last("load")).toBeUndefined();
    expect(session.state.trouble).not.toBeNull();
    away = false;
    session.play();
    await settled();
    expect(last("load")).toMatchObject({ at_ms: 0, play: true });
  });
});

describe("what is taken back", () => {
  it("clears the picture before anything else is shown", async () => {
    const { session, sent } = await opened();
    let phaseAtReset = "";
    const before = sent.length;
    streams[0]?.say("revoked", { type: "urn:clerestory:problem:refused", title: "No", status: 403 });
    phaseAtReset = session.state.phase.kind;
    expect(sent.slice(before)[0]).toEqual({ type: "reset" });
    expect(phaseAtReset).toBe("revoked");
    expect(session.state).toMatchObject({ picture: false, marks: [] });
    expect(streams[0]?.closed).toBe(true);
  });
  it("is noticed where a segment is refused", async () => {
    const { session } = await opened(0, [track], (path) =>
      path.endsWith("/segments/0") ? problem("refused", 403) : undefined,
    );
    expect(session.state.phase.kind).toBe("revoked");
  });
  it("is told apart from a play that ran out", async () => {
    const { session } = await opened(0, [track], (path) =>
      path.endsWith("/segments/0") ? problem("play-ended", 403) : undefined,
    );
    expect(session.state.phase).toEqual({ kind: "ended", by: "time" });
  });
});

describe("what is missing", () => {
  const gapped = { ...track, gaps: [{ from_us: 8_000_000, to_us: 15_000_000, reason: "paused" as const }] };

  it("stands as its gap, and can be passed", async () => {
    const { session, last } = await opened(9_000, [gapped]);
    expect(session.state.gap?.gap.reason).toBe("paused");
    session.passGap();
    await settled();
    expect(session.state.gap).toBeNull();
    expect(last("load")).toMatchObject({ at_ms: 15_000 });
  });
  it("stops playing where it begins", async () => {
    const { last } = await opened(null, [gapped]);
    expect(last("load")).toMatchObject({ play: true, until_ms: 5_000 });
    await settled();
  });
  it("is a gap up to the next keyframe where a segment does not open; the rest plays", async () => {
    const { session, last } = await opened(11_000, [track], (path) =>
      path.endsWith("/segments/1") ? problem("segment-damaged", 422) : undefined,
    );
    expect(session.state.gap?.gap).toEqual({ from_us: 5_000_000, to_us: 15_000_000, reason: "damaged" });
    session.passGap();
    await settled();
    const load = last("load");
    expect(load?.type === "load" && load.segments.map(({ sequence }) => sequence)).toEqual([3]);
  });
  it("is told at the very end too", async () => {
    const { session } = await opened(24_900, [track], (path) =>
      /segments.[34]$/.test(path) ? problem("segment-damaged", 422) : undefined,
    );
    expect(session.state.gap?.gap).toEqual({ from_us: 15_000_000, to_us: 24_900_000, reason: "damaged" });
  });
  it("is what follows an erased part too, up to the next keyframe, and the page goes on answering", async () => {
    const erased = { from_us: 0, to_us: 2_000_000, reason: "erased" as const };
    const { session, last } = await opened(3_000, [{ ...track, gaps: [erased] }], (path) =>
      /segments.[012]$/.test(path) ? problem("segment-erased", 410) : undefined,
    );
    expect(session.state.gap?.gap).toEqual({ from_us: 0, to_us: 15_000_000, reason: "erased" });
    session.passGap();
    await settled();
    const load = last("load");
    expect(load?.type === "load" && load.segments.map(({ sequence }) => sequence)).toEqual([3]);
  });
});

describe("several tabs", () => {
  const first = { ...track, segments: [segment(0, true), segment(4)] };
  const second = { ...track, id: "trk_b", segments: [segment(2, true), segment(3)] };
  const acted: Answer = (path) =>
    path.includes("/segments/")
      ? new Response(JSON.stringify([{ type: 3, timestamp: 1000, data: { source: 2, type: 2, id: 1 } }]))
      : undefined;
  const playing = async () => {
    const all = await opened(0, [first, second], acted);
    all.session.play();
    all.say({ type: "painted", load: 1, at_ms: 0, took_ms: 1 });
    await settled();
    return all;
  };
  const loads = (sent: ToPlayer[]) =>
    sent.flatMap((message) => (message.type === "load" ? [{ ...message }] : []));

  it("are shown where the visitor was", async () => {
    const { session, say, sent } = await playing();
    say({ type: "position", load: loads(sent).at(-1)?.load ?? 0, at_ms: 10_100, playing: true });
    await settled();
    expect(session.state.trackId).toBe("trk_b");
    expect(loads(sent).at(-1)).toMatchObject({ at_ms: 10_100, play: true });
    say({ type: "painted", load: loads(sent).at(-1)?.load ?? 0, at_ms: 10_100, took_ms: 1 });
    say({ type: "position", load: loads(sent).at(-1)?.load ?? 0, at_ms: 20_100, playing: true });
    expect(session.state.trackId).toBe("trk_a");
  });
  it("stay as chosen until the visitor is followed again", async () => {
    const { session, say, sent } = await playing();
    session.chooseTrack("trk_a");
    say({ type: "position", load: loads(sent).at(-1)?.load ?? 0, at_ms: 10_100, playing: true });
    expect(session.state.trackId).toBe("trk_a");
    session.followVisitor();
    expect(session.state.trackId).toBe("trk_b");
  });
  it("have one list of events", async () => {
    const { session } = await playing();
    expect(session.state.marks.map((mark) => mark.track)).toEqual(["trk_a", "trk_b", "trk_b", "trk_a"]);
  });
});

it("asks for an earlier keyframe where the first does not reach back to the moment", async () => {
  const { say, last } = await opened(15_100);
  expect(last("load")).toMatchObject({ at_ms: 15_100, earliest: false });
  say({ type: "needs", load: 1, before_ms: 15_100 });
  await settled();
  const load = last("load");
  expect(load?.type === "load" && load.segments.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3]);
});

describe("a play of a clip", () => {
  const clip = { id: "clp_a", title: "The part", from_ms: 6_000, to_ms: 12_000 };
  const answer: Answer = (path) =>
    path === "/clips/clp_a/plays"
      ? new Response(
          JSON.stringify({
            id: "ply_c",
            recording: "rec_a",
            expires_at: "2026-11-22T05:00:00.000000Z",
            entry: 13,
            tracks: [track],
            duration_us: recording.duration_us,
            live: false,
            content_origin: "http://127.0.0.1:1",
            clip,
          }),
          { status: 201 },
        )
      : undefined;

  async function played() {
    serve(answer);
    const session = new PlaySession(recording, null, async () => recording, "clp_a");
    const player = page(session);
    await session.begin();
    await settled();
    player.say({ type: "painted", load: 1, at_ms: 6_000, took_ms: 1 });
    await settled();
    return { session, ...player };
  }

  it("opens nothing that lies behind it, and begins where it does", async () => {
    const { session, last } = await played();
    expect(asked[0]).toBe("POST /clips/clp_a/plays");
    const opened = asked
      .filter((one) => one.includes("/segments/"))
      .map((one) => Number(one.split("/").at(-1)));
    expect(Math.max(...opened)).toBe(2);
    expect(last("load")).toMatchObject({ at_ms: 6_000 });
    expect(session.state.clip).toEqual(clip);
    expect(session.whole.tracks[0]?.segments).toHaveLength(5);
  });

  it("ends where it was marked, and goes nowhere outside of it", async () => {
    const { session, say, last } = await played();
    session.setSkipIdle(false);
    say({ type: "position", load: 1, at_ms: 11_900, playing: true });
    expect(session.state.wantsPlay).toBe(true);
    say({ type: "position", load: 1, at_ms: 11_990, playing: true });
    expect(last("pause")).toBeDefined();
    expect(session.state).toMatchObject({ wantsPlay: false, atMs: 12_000 });
    session.seek(20_000);
    expect(session.state.atMs).toBe(12_000);
    session.seek(0);
    expect(session.state.atMs).toBe(6_000);
    session.play();
    expect(session.state.wantsPlay).toBe(true);
  });

  it("says why it does not begin, as every play does", async () => {
    serve((path) => (path.startsWith("/clips/") ? problem("not-found", 404) : undefined));
    const session = new PlaySession(recording, null, async () => recording, "clp_a");
    page(session);
    await session.begin();
    expect(session.state.phase.kind).toBe("failed");
    expect(asked).toEqual(["POST /clips/clp_a/plays"]);
  });
});
