// The console API as a program uses it: a cookie, the header against forged requests, JSON.
import http from "node:http";
import { people } from "./people.mjs";

/** An answer that was not expected, with what the server said about it. */
export class ApiProblem extends Error {
  constructor(method, path, answer) {
    super(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 400)}`);
    this.status = answer.status;
    this.problem = answer.json;
  }
}

export class Api {
  #cookies = new Map();

  /** @param {{console: string, port: number}} info */
  constructor(info) {
    this.info = info;
  }

  /** @param {Iterable<[string, string]>} cookies  name and value, as a browser holds them */
  withCookies(cookies) {
    for (const [name, value] of cookies) this.#cookies.set(name, value);
    return this;
  }

  /** The session as a browser would hold it: [name, value]. */
  cookies() {
    return [...this.#cookies];
  }

  /** One request; resolves whatever the status is. `path` is below `/api/v1` unless it starts with `/api`. */
  request(method, path, { body, headers = {} } = {}) {
    const payload =
      body === undefined
        ? undefined
        : typeof body === "string" || Buffer.isBuffer(body)
          ? body
          : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: "127.0.0.1",
          port: this.info.port,
          method,
          path: path.startsWith("/api") ? path : `/api/v1${path}`,
          headers: {
            host: `localhost:${this.info.port}`,
            origin: `http://localhost:${this.info.port}`,
            "clerestory-csrf": "1",
            ...(payload === undefined
              ? {}
              : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
            ...(this.#cookies.size === 0
              ? {}
              : { cookie: [...this.#cookies].map(([k, v]) => `${k}=${v}`).join("; ") }),
            ...headers,
          },
        },
        (answer) => {
          const parts = [];
          answer.on("data", (part) => parts.push(part));
          answer.on("error", reject);
          answer.on("end", () => {
            for (const line of answer.headers["set-cookie"] ?? []) {
              const [pair = ""] = line.split(";");
              const [name = "", ...value] = pair.split("=");
              this.#cookies.set(name.trim(), value.join("="));
            }
            const text = Buffer.concat(parts).toString("utf8");
            let json;
            try {
              json = text === "" ? undefined : JSON.parse(text);
            } catch {
              json = undefined;
            }
            resolve({ status: answer.statusCode, headers: answer.headers, text, json });
          });
        },
      );
      request.on("error", reject);
      request.end(payload);
    });
  }

  async #expect(method, path, options) {
    const answer = await this.request(method, path, options);
    if (answer.status < 200 || answer.status > 299) throw new ApiProblem(method, path, answer);
    return answer.json;
  }

  get(path) {
    return this.#expect("GET", path);
  }
  post(path, body) {
    return this.#expect("POST", path, { body: body ?? {} });
  }
  put(path, body) {
    return this.#expect("PUT", path, { body });
  }
  patch(path, body) {
    return this.#expect("PATCH", path, { body });
  }
  delete(path) {
    return this.#expect("DELETE", path);
  }

  /** Spends the sign-in link that the demo printed. */
  async signInByLink() {
    const token = new URLSearchParams(new URL(this.info.sign_in).hash.slice(1)).get("token");
    if (!token) throw new Error("the demo printed a sign-in link without a token");
    return this.post("/session/link", { token });
  }

  /** Proves once more that this is the first person of the demo. It counts for five minutes. */
  prove() {
    const [me] = people(this.info);
    return this.post("/session/step-up", { password: me.password });
  }

  /** The site of the demo shop. */
  async shopSite() {
    const { items } = await this.get("/sites");
    const site = items.find((candidate) => candidate.origins.some((origin) => origin.includes("shop.")));
    if (!site) throw new Error("the demo has no site for the shop");
    return site;
  }

  /** The rules now in force for a site, in the form the editor sends. */
  async rules(site) {
    const { current } = await this.get(`/sites/${site}/policy`);
    const document = JSON.parse(Buffer.from(current.document, "base64url").toString("utf8"));
    const { preset, media, exclude, mask, unmask, urls } = document;
    return { version: current.version, document: { preset, media, exclude, mask, unmask, urls } };
  }

  /** Changes the rules of a site, as the policy editor does. */
  async changeRules(site, change) {
    const { version, document } = await this.rules(site);
    return this.put(`/sites/${site}/policy`, { document: { ...document, ...change }, based_on: version });
  }

  /** Every recording the account may see, newest first as the list gives them. */
  async recordings(query = "") {
    const all = [];
    let cursor = null;
    do {
      const separator = query === "" ? "" : `&${query}`;
      const page = await this.get(
        `/recordings?limit=100${separator}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      );
      all.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return all;
  }

  /**
   * Opens a play and fetches every segment: for each track its plain rrweb events, in time order. Tracks are kept
   * apart, as each numbers its nodes by itself.
   */
  async tracks(recording, reason = "End-to-end test") {
    const play = await this.post(`/recordings/${recording}/plays`, { reason });
    const tracks = [];
    for (const track of play.tracks) {
      const events = [];
      for (const { sequence } of track.segments) {
        events.push(...(await this.get(`/plays/${play.id}/tracks/${track.id}/segments/${sequence}`)));
      }
      tracks.push({ id: track.id, events: events.sort((a, b) => a.timestamp - b.timestamp) });
    }
    await this.delete(`/plays/${play.id}`);
    return tracks;
  }

  /** The events of all tracks together, in time order: for looking through, not for playing. */
  async events(recording, reason) {
    const tracks = await this.tracks(recording, reason);
    return tracks.flatMap((track) => track.events).sort((a, b) => a.timestamp - b.timestamp);
  }
}
