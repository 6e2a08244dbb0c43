/**
 * A stand-in for the server, for developing the player. It serves the built console and player page with their
 * policies on two hosts, and one recording made in Chromium when it starts.
 *
 *   npm run build -w @clerestory/console && npm run build -w @clerestory/player
 *   node web/player/dev/mock.mjs [port]
 *
 * What a recording's id ends in chooses a state: -reason, -refused, -erased, -gap, -damaged, -empty, -live, -missing;
 * anything else plays. POST /mock/revoke takes every play back.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { playerHeaders } from "../test/server.mjs";
import { recordVisit } from "./visit.mjs";

const port = Number(process.argv[2] ?? 8795);
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const CONSOLE = process.env.CLERESTORY_CONSOLE_DIST ?? at("../../console/dist");
const PLAYER = at("../dist");
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};
const consoleOrigin = `http://localhost:${port}`;
const contentOrigin = `http://127.0.0.1:${port}`;
const CSP = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src ${contentOrigin}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;

const events = await recordVisit();
const zero = events[0].timestamp;
const SEGMENT_MS = 2_000;
const segments = [];
for (const event of events) {
  const last = segments.at(-1);
  const keyframe = event.type === 4;
  if (!last || keyframe || event.timestamp - last.from >= SEGMENT_MS)
    segments.push({ from: event.timestamp, events: [event] });
  else last.events.push(event);
}
const items = segments.map((segment, sequence) => ({
  sequence,
  start_us: (segment.from - zero) * 1000,
  duration_us: (segment.events.at(-1).timestamp - segment.from) * 1000,
  size_bytes: Math.round(JSON.stringify(segment.events).length / 5),
  keyframe: segment.events.some((event) => event.type === 2),
  received_at: micro(segment.from + 400),
}));
const durationUs = (events.at(-1).timestamp - zero) * 1000;

function micro(ms) {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
const person = { id: "psn_1", name: "Mirel Hadley", initials: "MH" };
const began = Date.now() - 6 * 864e5;
const plays = new Map();
const streams = new Set();
let entry = 18204;
let revoked = null;

const liveFrom = Date.now();
const liveCount = () => Math.min(items.length, 2 + Math.floor((Date.now() - liveFrom) / SEGMENT_MS));

function tracksOf(id) {
  let list = items;
  let gaps = [];
  if (id.endsWith("-gap")) {
    const from = items[1].start_us;
    const to = items.find((item) => item.keyframe && item.start_us > from).start_us;
    list = items.filter((item) => item.start_us < from || item.start_us >= to);
    gaps = [{ from_us: from, to_us: to, reason: "paused" }];
  }
  if (id.endsWith("-empty")) list = [];
  if (id.endsWith("-live")) list = items.slice(0, liveCount());
  const track = {
    id: "trk_8f2e00000000000000000000000000a1",
    kind: "dom",
    writer: "w1",
    state: "closed",
    retention_class: "replay",
    kept_until: micro(began + 90 * 864e5),
    key_id: "key_8f2e00000000000000000000000000a1",
    segments: list,
    gaps,
  };
  return [track];
}

function recordingOf(id) {
  const tracks = tracksOf(id);
  const live = id.endsWith("-live") && tracks[0].segments.length < items.length;
  const empty = id.endsWith("-empty");
  return {
    id,
    source: "web",
    state: id.endsWith("-erased") ? "verified" : live ? "capturing" : "active",
    started_at: micro(began),
    ended_at: live ? null : micro(began + durationUs / 1000),
    duration_us: empty
      ? 0
      : live
        ? tracks[0].segments.at(-1).start_us + tracks[0].segments.at(-1).duration_us
        : durationUs,
    size_bytes: tracks[0].segments.reduce((sum, item) => sum + item.size_bytes, 0),
    segments: tracks[0].segments.length,
    site: { id: "sit_1", name: "Shop" },
    subject: { id: "sub_1", label: "Visitor 7f3a" },
    summary: empty
      ? null
      : {
          title: "Order desk",
          url: "http://shop.localhost/orders",
          pages: 2,
          clicks: 9,
          inputs: 1,
          errors: 1,
        },
    panes: Array.from({ length: 48 }, (_, n) => `a${n % 5}`),
    kept_until: micro(began + 90 * 864e5),
    viewers: id.endsWith("-erased")
      ? []
      : [
          {
            play: "ply_0",
            person: { id: "psn_2", name: "Noor Castellan", initials: "NC" },
            started_at: micro(began + 1e6),
            ended_at: micro(began + 2e6),
            reason: null,
            entry: 77,
            ranges: [{ from_us: 1e6, to_us: 7e6 }],
            watched_us: 6e6,
          },
        ],
    live,
    tracks,
    policy_version: 14,
    sealed_keys: 1,
    region: "eu-north",
  };
}

const problem = (status, slug, title, detail, more = {}) => ({
  status,
  type: "application/problem+json",
  body: {
    type: `urn:clerestory:problem:${slug}`,
    title,
    status,
    detail,
    what_to_do: null,
    request_id: `req_${randomBytes(6).toString("hex")}`,
    ...more,
  },
});
const ok = (body, status = 200) => ({ status, body, type: "application/json" });

function inside(id) {
  const [track] = tracksOf(id);
  let offset = 40;
  return {
    recording: id,
    organisation_key: "key_0rg0000000000000000000000000000a",
    tracks: [
      {
        id: track.id,
        key: {
          id: track.key_id,
          parent: "key_5ub0000000000000000000000000000b",
          shard: 12,
          shard_version: 3,
          page: 4,
          epoch: 20_779,
        },
        segments: track.segments.map(({ sequence, size_bytes }) => {
          const item = {
            sequence,
            object: "log/2026-11/0000000007.clog",
            offset,
            length: size_bytes,
            ciphertext_sha256: createHash("sha256").update(String(sequence)).digest("hex"),
            stored_as: "log",
          };
          offset += size_bytes;
          return item;
        }),
      },
    ],
    entries: [
      {
        number: entry,
        time: micro(Date.now()),
        action: "play.started",
        class_uid: 6003,
        activity_id: 1,
        outcome: "allowed",
        rule: "watch.manager",
        actor: { kind: "person", ...person },
        object: { kind: "recording", id, label: null },
        detail: null,
        reason: null,
        previous_hash: "00",
        hash: "11",
        request_id: null,
      },
    ],
    data_directory: "/var/lib/clerestory",
  };
}

function insideBytes() {
  return {
    object: "log/2026-11/0000000007.clog",
    offset: 40,
    length: 9000,
    header: {
      salt: randomBytes(32).toString("hex"),
      nonce_prefix: randomBytes(7).toString("hex"),
      header_length: 40,
    },
    first_bytes_hex: `28${randomBytes(255).toString("hex")}`,
    ciphertext_sha256: randomBytes(32).toString("hex"),
    sealed_with: "Tink streaming AEAD AES256_GCM_HKDF, 64 KiB",
    associated_data_hex: Buffer.from("clst1").toString("hex") + randomBytes(48).toString("hex"),
  };
}

function startPlay(id, body) {
  if (id.endsWith("-refused")) {
    return problem(
      403,
      "refused",
      "You may list this, not watch it",
      "Your role, Member, lists recordings of the team and does not watch them.",
      {
        what_to_do: "An administrator of Fernwick Goods can change your role.",
        rule: "recording.watch.member",
        entry: ++entry,
      },
    );
  }
  if (id.endsWith("-reason") && !body.reason) {
    return problem(
      422,
      "reason-required",
      "A reason is required",
      "The visitor can see your name, this reason and the parts you open.",
    );
  }
  const play = { id: `ply_${randomBytes(8).toString("hex")}`, recording: id };
  plays.set(play.id, play);
  const recording = recordingOf(id);
  return ok(
    {
      ...play,
      expires_at: micro(Date.now() + 6e5),
      entry: ++entry,
      tracks: recording.tracks,
      duration_us: recording.duration_us,
      live: recording.live,
      content_origin: contentOrigin,
    },
    201,
  );
}

function api(method, path, body) {
  if (path === "/session") {
    return ok({
      person: { ...person, email: "mirel@fernwick.example", role: "admin" },
      organisation: { id: "org_1", name: "Fernwick Goods", region: "eu-north" },
      allowed: ["recording.list", "recording.watch", "audit.read"],
      content_origin: contentOrigin,
      expires_at: micro(Date.now() + 8 * 36e5),
    });
  }
  const rec = /^\/recordings\/([^/]+)(?:\/(.*))?$/.exec(path);
  if (rec) {
    const [, id, rest] = rec;
    if (id.endsWith("-missing")) return problem(404, "not-found", "There is nothing here", null);
    if (method === "POST" && rest === "plays") return startPlay(id, body);
    if (rest === "inside") return ok(inside(id));
    if (rest?.startsWith("inside/")) return ok(insideBytes());
    return ok(recordingOf(id));
  }
  const segment = /^\/plays\/([^/]+)\/tracks\/[^/]+\/segments\/(\d+)$/.exec(path);
  if (segment) {
    const play = plays.get(segment[1]);
    if (!play) return problem(403, "play-ended", "The play has ended", null);
    const number = Number(segment[2]);
    if (play.recording.endsWith("-damaged") && number === 2)
      return problem(422, "segment-damaged", "The segment does not open", null);
    return ok(segments[number].events);
  }
  if (/^\/plays\/[^/]+(\/ranges)?$/.test(path)) {
    console.log(method, path, JSON.stringify(body));
    return { status: 204 };
  }
  return problem(404, "not-found", "There is nothing here", null);
}

function follow(request, response, path) {
  const play = plays.get(path.split("/")[2]);
  const id = play?.recording ?? "";
  if (!play) {
    response.writeHead(403, { "Content-Type": "application/problem+json" });
    response.end(JSON.stringify((revoked ?? problem(403, "play-ended", "The play has ended", null)).body));
    return;
  }
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  if (!recordingOf(id).live) {
    response.end(`event: closed\ndata: ${JSON.stringify({ duration_us: durationUs })}\n\n`);
    return;
  }
  response.write(": here\n\n");
  streams.add(response);
  let said = Number(/:(-?\d+)/.exec(decodeURIComponent(request.url))?.[1] ?? 0);
  const timer = setInterval(() => {
    if (!id.endsWith("-live")) return;
    for (const item of items.slice(said + 1, liveCount())) {
      response.write(
        `event: segment\ndata: ${JSON.stringify({ track: "trk_8f2e00000000000000000000000000a1", ...item })}\n\n`,
      );
      said = item.sequence;
    }
    if (said === items.length - 1) {
      response.write(`event: closed\ndata: ${JSON.stringify({ duration_us: durationUs })}\n\n`);
      clearInterval(timer);
    }
  }, 500);
  request.on("close", () => {
    clearInterval(timer);
    streams.delete(response);
  });
}

async function file(response, root, path, headers, change = (body) => body) {
  const name = normalize(path).replace(/^\/+/, "");
  try {
    const body = await readFile(join(root, name));
    response.writeHead(200, {
      "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
      ...headers,
    });
    response.end(change(body));
    return true;
  } catch {
    return false;
  }
}

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://x");
  if (request.headers.host?.startsWith("127.0.0.1")) {
    const path = pathname.replace(/^\/player\//, "") || "index.html";
    const change = (body) =>
      path === "index.html" ? body.toString().replace("__CLERESTORY_CONSOLE_ORIGIN__", consoleOrigin) : body;
    if (!(await file(response, PLAYER, path, playerHeaders(consoleOrigin), change)))
      response.writeHead(404).end();
    return;
  }
  if (pathname === "/mock/revoke") {
    revoked = problem(
      403,
      "refused",
      "You may not watch this any more",
      "Your role was changed to Member at 15:40; a Member does not watch recordings.",
      { rule: "recording.watch.member", entry: ++entry },
    );
    for (const stream of streams) stream.write(`event: revoked\ndata: ${JSON.stringify(revoked.body)}\n\n`);
    plays.clear();
    response.writeHead(204).end();
    return;
  }
  if (pathname.startsWith("/api/v1")) {
    const path = pathname.slice("/api/v1".length);
    if (path.endsWith("/follow")) return follow(request, response, path);
    let text = "";
    for await (const chunk of request) text += chunk;
    const answer = api(request.method, path, text === "" ? null : JSON.parse(text));
    response.writeHead(answer.status, answer.type ? { "Content-Type": answer.type } : {});
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
    return;
  }
  const headers = { "Content-Security-Policy": CSP };
  if (await file(response, CONSOLE, pathname, headers)) return;
  await file(response, CONSOLE, "index.html", headers);
}).listen(port, "localhost", () => console.log(`${consoleOrigin}/recordings/rec_demo`));
