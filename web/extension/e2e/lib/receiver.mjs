/**
 * A small server that takes what the extension sends: it signs policies, opens what is sealed to it, and keeps every
 * segment as it came. It can be told to misbehave.
 */
import { createECDH, createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import { open } from "../../../capture/test/support/hpke-open.mjs";

const b64u = (bytes) => Buffer.from(bytes).toString("base64url");
const id = (prefix) => `${prefix}_${randomUUID().replaceAll("-", "")}`;

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

function policyKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const raw = Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return { privateKey, raw: b64u(raw) };
}

const problem = (status, slug) => ({
  status,
  body: { type: `urn:clerestory:problem:${slug}`, status, title: slug },
});

export class Receiver {
  constructor() {
    this.policyKey = policyKey();
    const spool = createECDH("prime256v1");
    spool.generateKeys();
    this.spool = { id: "key_1", privateKey: spool.getPrivateKey(), publicKey: b64u(spool.getPublicKey()) };
    this.codes = new Set();
    /** Ids of browsers by their tokens. */
    this.recorders = new Map();
    /** Runs of browsers, by writer. */
    this.runs = new Map();
    this.watchers = [];
    this.discards = [];
    this.ends = [];
    this.problems = [];
    /** Tokens of browsers whose person left with them. */
    this.left = [];
    this.version = 1;
    this.rules = {
      recording: true,
      audio: true,
      surfaces: ["tab", "window", "screen"],
      urls: { mode: "block", patterns: [] },
      pause: "reason",
      live_view: "manager",
      kept_days: 90,
      notice: { version: "2026-1", basis: "works agreement", text_url: null },
    };
    this.lifetimeMs = 3600_000;
    /** Of a token to write with. */
    this.tokenLifetimeMs = 15 * 60_000;
    /** Changes a signed policy on its way. */
    this.tamper = (signed) => signed;
    /** Whether policies can be fetched. */
    this.tellsPolicy = true;
    /** What a `PUT` is answered with instead of being taken, while there is one. */
    this.misbehave = () => null;
  }

  /** May be called again after `close`, with the port from before. */
  async listen(port = 0) {
    this.server = createServer((request, response) => void this.#handle(request, response));
    await new Promise((resolve) => this.server.listen(port, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.origin = `http://localhost:${this.port}`;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  code() {
    const code = `cre_${randomUUID()}`;
    this.codes.add(code);
    return code;
  }

  signed(recorder) {
    const now = Date.now();
    const times = { issued_at_ms: now - 1000, expires_at_ms: now + this.lifetimeMs };
    const bytes = Buffer.from(canonical({ ...this.#says(recorder), ...times }));
    const signature = sign("sha256", bytes, { key: this.policyKey.privateKey, dsaEncoding: "ieee-p1363" });
    return this.tamper({ document: b64u(bytes), signature: b64u(signature) });
  }

  /** A policy but for when it is signed. */
  #says(recorder) {
    return { format: "clerestory screen policy 1", version: this.version, recorder, ...this.rules };
  }

  #policyDigest(recorder) {
    return createHash("sha256")
      .update(canonical(this.#says(recorder)))
      .digest("hex")
      .slice(0, 16);
  }

  /** All runs that wrote into a recording, in the order they began. */
  recording(name) {
    return [...this.runs.values()].filter(({ recording }) => recording === name);
  }

  async #handle(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    if (request.url.startsWith("/enrol")) {
      response.writeHead(200, { "Content-Type": "text/html" });
      response.end("<!doctype html><title>Enrol</title>");
      return;
    }
    const { status, body } = this.#answer(request, Buffer.concat(parts));
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  #answer(request, bytes) {
    const path = request.url.replace(/^\/api\/v1\/capture/, "");
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (request.headers.cookie) this.problems.push("a cookie came");
    const asked = () => JSON.parse(bytes.toString("utf8"));
    if (path === "/recorders") return this.#join(asked());
    if (path === "/recorders/leave") {
      if (!this.recorders.delete(bearer)) return problem(401, "recorder-ended");
      this.left.push(bearer);
      return { status: 204 };
    }
    if (path === "/screens/policy" && !this.tellsPolicy) return problem(503, "unavailable");
    if (path === "/screens/policy")
      return this.recorders.has(bearer)
        ? { status: 200, body: this.signed(this.recorders.get(bearer)) }
        : problem(401, "unknown-token");
    if (path === "/screens/start")
      return this.recorders.has(bearer)
        ? this.#start(asked(), this.recorders.get(bearer))
        : problem(401, "unknown-token");
    const run = [...this.runs.values()].find(({ token }) => token === bearer);
    if (!run) return problem(401, "unknown-token");
    // What lies sealed is taken for days with a token that ran out; nothing else is.
    if (!path.startsWith("/screens/segments/") && run.tokenEndsMs <= Date.now())
      return problem(401, "token-expired");
    if (path === "/screens/watching")
      return {
        status: 200,
        body: {
          watching: this.watchers,
          policy_version: this.version,
          policy_digest: this.#policyDigest(run.recorder),
        },
      };
    if (path === "/screens/discard") {
      this.discards.push({ run: run.writer, ...asked() });
      return { status: 202, body: {} };
    }
    if (path === "/screens/end") {
      this.ends.push({ run: run.writer, ...asked() });
      return { status: 204 };
    }
    const [, kind, number] = /^\/screens\/segments\/(video|audio|actions)\/(\d+)$/.exec(path) ?? [];
    if (!kind) return problem(404, "not-found");
    return (
      this.misbehave(kind, Number(number)) ?? this.#take(run, kind, Number(number), request.headers, bytes)
    );
  }

  #join({ code, label }) {
    if (!this.codes.delete(code)) return problem(403, "code-refused");
    const token = `crt_${randomUUID()}`;
    const recorder = id("rcr");
    this.recorders.set(token, recorder);
    this.label = label;
    const names = { person: { name: "Ada Byron" }, organisation: { name: "Fernwick" } };
    const times = { policy_public_key: this.policyKey.raw, server_time_ms: Date.now() };
    return { status: 201, body: { recorder, token, ...names, ...times } };
  }

  #start({ writer, resume, surface, audio, notice }, recorder) {
    if (!this.rules.recording) return problem(403, "capture-off");
    if (notice !== this.rules.notice?.version) return problem(409, "notice-needed");
    const before = [...this.runs.values()].find(({ token }) => resume !== null && token === resume);
    const token = `cit_${randomUUID()}`;
    const known = this.runs.get(writer);
    const run = known ?? {
      writer,
      recorder,
      surface,
      recording: before?.recording ?? id("rec"),
      tracks: { video: id("trk"), audio: audio ? id("trk") : null, actions: id("trk") },
      segments: { video: new Map(), audio: new Map(), actions: new Map() },
    };
    run.token = token;
    run.tokenEndsMs = Date.now() + this.tokenLifetimeMs;
    this.runs.set(writer, run);
    const track = (kind) =>
      run.tracks[kind] && {
        id: run.tracks[kind],
        next_sequence: Math.max(-1, ...run.segments[kind].keys()) + 1,
      };
    const tracks = { video: track("video"), audio: track("audio"), actions: track("actions") };
    const body = {
      token,
      expires_at: new Date(run.tokenEndsMs).toISOString(),
      recording: run.recording,
      continued: before !== undefined,
      tracks,
      server_time_ms: Date.now(),
      policy: this.signed(recorder),
      spool: { key_id: this.spool.id, public_key: this.spool.publicKey },
      limits: { segment_bytes: 16 * 1024 * 1024, segment_ms: 2000 },
    };
    return { status: 201, body };
  }

  #take(run, kind, sequence, headers, bytes) {
    const sha = createHash("sha256").update(bytes);
    const digest = sha.copy().digest("base64");
    const receipt = sha.digest("hex");
    if (headers["content-digest"] !== `sha-256=:${digest}:`) return problem(408, "digest-mismatch");
    if (headers["content-type"] !== "application/vnd.clerestory.spool") return problem(415, "form");
    if (headers["clerestory-spool-key"] !== this.spool.id) return problem(422, "spool-key");
    const info = Buffer.from(
      ["clerestory spool 1", run.recording, run.tracks[kind], String(sequence)].join("\0"),
    );
    const stored = run.segments[kind].get(sequence);
    if (stored && stored.receipt !== receipt) return problem(409, "sequence-taken");
    let plain;
    try {
      plain = open({ privateKey: this.spool.privateKey, message: bytes, info });
    } catch {
      return problem(422, "malformed-spool");
    }
    const policyVersion = Number(headers["clerestory-policy"]);
    const arrivedMs = Date.now();
    run.segments[kind].set(sequence, {
      plain,
      receipt,
      policyVersion,
      arrivedMs,
      repeated: stored !== undefined,
    });
    const body = {
      acknowledged: sequence,
      policy_version: this.version,
      bytes_stored: bytes.length,
      repeated: stored !== undefined,
      sha256: receipt,
    };
    return { status: 200, body };
  }
}
