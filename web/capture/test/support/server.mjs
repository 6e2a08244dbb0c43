/** A small server that speaks the capture API, keeps every request, and can be told to misbehave. */
import { createECDH, createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { open } from "./hpke-open.mjs";

const b64u = (bytes) => Buffer.from(bytes).toString("base64url");
const hex = () => randomUUID().replaceAll("-", "");

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

function policyKey() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const raw = Buffer.concat([Buffer.from([4]), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return { privateKey, raw: b64u(raw) };
}

export class CaptureServer {
  constructor(dist) {
    this.dist = dist;
    this.key = policyKey();
    this.site = `sit_${hex()}`;
    this.pages = new Map();
    this.reset();
    const spool = createECDH("prime256v1");
    spool.generateKeys();
    this.spoolKey = { id: "spk_1", privateKey: spool.getPrivateKey(), publicKey: b64u(spool.getPublicKey()) };
    this.server = createServer((request, response) => this.#handle(request, response));
  }

  reset() {
    this.requests = [];
    /** What pages of an earlier test still send as they go is answered, and not kept. */
    this.bygone = new Set([...(this.bygone ?? []), ...(this.visits?.keys() ?? [])]);
    /** Stored segments by track: Map of number to text. */
    this.tracks = new Map();
    this.visits = new Map();
    this.failing = null;
    this.refusing = 0;
    /** Recordings begun so far are closed; one begun later is not. */
    this.closed = false;
    this.tamper = (signed) => signed;
    this.limits = {
      segment_bytes: 16 * 1024 * 1024,
      flush_ms: 300,
      keyframe_ms: 60_000,
      silence_ms: 30 * 60_000,
    };
    this.rules = {
      preset: "private",
      media: "blocked",
      exclude: [],
      mask: [],
      unmask: [],
      urls: { deny: [], allow: [] },
    };
    this.version = 1;
    this.lifetimeMs = 24 * 3600_000;
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.host = `http://localhost:${this.port}`;
    this.shop = `http://shop.localhost:${this.port}`;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  snippet(key = this.key.raw) {
    return `<script src="${this.host}/capture/loader.js" data-site="csw_test" data-key="${key}" async></script>`;
  }

  /** Serves `html` at `/path` of every host, the snippet put where `<!--snippet-->` stands. */
  page(path, html, headers = {}) {
    this.pages.set(path, { html, headers });
  }

  signed() {
    const now = Date.now();
    const issued = new Date(now - 1000).toISOString().replace("Z", "000Z");
    const expires = new Date(now + this.lifetimeMs).toISOString().replace("Z", "000Z");
    const document = {
      ...this.rules,
      format: "clerestory-capture-policy/1",
      site: this.site,
      version: this.version,
      issued_at: issued,
      expires_at: expires,
    };
    const bytes = Buffer.from(canonical(document));
    const signature = sign("sha256", bytes, { key: this.key.privateKey, dsaEncoding: "ieee-p1363" });
    return this.tamper({
      version: this.version,
      document: b64u(bytes),
      signature: b64u(signature),
      key: this.key.raw,
      issued_at: issued,
      expires_at: expires,
    });
  }

  get puts() {
    return this.requests.filter(({ method }) => method === "PUT");
  }

  /** Everything that arrived in a body, decompressed and unsealed. */
  get received() {
    return this.requests.map(({ text }) => text).join("\n");
  }

  events(track) {
    const stored = [...this.tracks]
      .filter(([id]) => !track || id === track)
      .flatMap(([, segments]) => [...segments]);
    return stored.sort(([a], [b]) => a - b).flatMap(([, text]) => JSON.parse(text));
  }

  async #handle(request, response) {
    const url = new URL(request.url, "http://x");
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const raw = Buffer.concat(chunks);
    if (url.pathname.startsWith("/api/v1/capture/")) return this.#api(request, response, url, raw);
    if (url.pathname.startsWith("/capture/")) return this.#file(url, response);
    const page = this.pages.get(url.pathname);
    if (!page) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...page.headers });
    response.end(page.html.replace("<!--snippet-->", this.snippet()));
  }

  #file(url, response) {
    try {
      const bytes = readFileSync(join(this.dist, url.pathname.slice("/capture/".length)));
      const headers = {
        "Content-Type": "text/javascript",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
      };
      response.writeHead(200, headers).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  }

  #api(request, response, url, raw) {
    const cors = {
      "Access-Control-Allow-Origin": request.headers.origin ?? "*",
      "Access-Control-Allow-Headers":
        "authorization, content-type, content-encoding, clerestory-policy, clerestory-spool-key",
      "Access-Control-Allow-Methods": "GET, POST, PUT",
      "Access-Control-Expose-Headers": "Retry-After",
      "Access-Control-Max-Age": "600",
      Vary: "Origin",
    };
    if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
    const answer = (status, body, headers = {}) => {
      seen.status = status;
      response.writeHead(status, { ...cors, "Content-Type": "application/json", ...headers });
      response.end(status === 204 ? undefined : JSON.stringify(body));
    };
    const problem = (status, slug, headers) =>
      answer(status, { type: `urn:clerestory:problem:${slug}`, status }, headers);
    const seen = {
      method: request.method,
      path: url.pathname,
      headers: request.headers,
      raw,
      text: raw.toString(),
      at: Date.now(),
    };
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    if (this.bygone.has(token)) return problem(401, "token-expired");
    const sequence = Number(/\/segments\/(\d+)$/.exec(url.pathname)?.[1] ?? -1);
    const visit = this.visits.get(token);
    if (sequence >= 0) {
      seen.sequence = sequence;
      seen.track = visit?.track;
      if (request.headers["content-encoding"] === "gzip") seen.text = gunzipSync(raw).toString();
      if (request.headers["content-type"] === "application/vnd.clerestory.spool") {
        seen.spool = true;
        const info = Buffer.from(
          ["clerestory spool 1", visit?.recording, visit?.track, String(sequence)].join("\0"),
        );
        seen.text = gunzipSync(open({ privateKey: this.spoolKey.privateKey, message: raw, info })).toString();
      }
    }
    this.requests.push(seen);
    if (this.failing?.(seen)) {
      if (this.failing.drop) return response.destroy();
      return problem(503, "unavailable", { "Retry-After": "0" });
    }
    if (url.pathname.endsWith("/start")) return this.#start(JSON.parse(seen.text), answer);
    if (url.pathname.endsWith("/policy")) return answer(200, this.signed());
    if (url.pathname.endsWith("/end")) return answer(204);
    if (!visit) return problem(401, "token-expired");
    if (this.closed && !visit.afresh) return problem(410, "recording-closed");
    if (this.refusing) return problem(this.refusing, "segment-malformed");
    const stored = this.tracks.get(visit.track);
    const hash = createHash("sha256").update(seen.text).digest("hex");
    const before = stored.get(sequence);
    if (before !== undefined && createHash("sha256").update(before).digest("hex") !== hash)
      return problem(409, "sequence-taken");
    JSON.parse(seen.text);
    stored.set(sequence, seen.text);
    answer(200, {
      acknowledged: sequence,
      policy_version: this.version,
      bytes_stored: raw.length,
      repeated: before !== undefined,
    });
  }

  #start({ writer, resume }, answer) {
    const shown = this.visits.get(resume);
    const before = this.closed && !shown?.afresh ? undefined : shown;
    const recording = before?.recording ?? `rec_${hex()}`;
    const known = [...this.visits.values()].find(
      (visit) => visit.recording === recording && visit.writer === writer,
    );
    const track = known?.track ?? `trk_${hex()}`;
    if (!this.tracks.has(track)) this.tracks.set(track, new Map());
    const token = `tok_${hex()}`;
    this.visits.set(token, { recording, track, writer, afresh: this.closed });
    const stored = this.tracks.get(track);
    answer(201, {
      token,
      expires_at: new Date(Date.now() + 3600_000).toISOString(),
      recording,
      track,
      next_sequence: stored.size === 0 ? 0 : Math.max(...stored.keys()) + 1,
      continued: before !== undefined,
      server_time_ms: Date.now(),
      policy: this.signed(),
      spool: { key_id: this.spoolKey.id, public_key: this.spoolKey.publicKey },
      limits: this.limits,
    });
  }
}
