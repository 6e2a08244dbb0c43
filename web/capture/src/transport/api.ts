/** The capture API. Answers are checked before anything relies on them. */
import { isSignedPolicy, type SignedPolicy } from "../policy/signature";
import { type Answer, ask, type Fields, isFields } from "./ask";

export interface Limits {
  /** Uncompressed bytes of one segment. */
  readonly segmentBytes: number;
  readonly flushMs: number;
  readonly keyframeMs: number;
  readonly silenceMs: number;
}

/** What `start` grants: the right to write one track of one recording for a while. */
export interface Visit {
  readonly token: string;
  readonly recording: string;
  readonly track: string;
  readonly nextSequence: number;
  readonly continued: boolean;
  readonly serverTimeMs: number;
  readonly policy: SignedPolicy;
  readonly spoolKeyId: string;
  /** Raw P-256 point, base64url. */
  readonly spoolKey: string;
  readonly limits: Limits;
}

export interface Put {
  readonly sequence: number;
  readonly token: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly policyVersion: number;
  /** `spool`: sealed bytes, with the id of the key they are sealed to. */
  readonly form:
    | { readonly kind: "plain" }
    | { readonly kind: "gzip" }
    | { readonly kind: "spool"; readonly keyId: string };
  readonly keepalive?: boolean;
}

export class Api {
  readonly #base: string;
  readonly #siteKey: string;
  #ended = new AbortController();

  constructor(host: string, siteKey: string) {
    this.#base = `${host}/api/v1/capture`;
    this.#siteKey = siteKey;
  }

  /** Ends every request that is under way. */
  abort(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
  }

  start(writer: string, resume: string | null): Promise<Answer> {
    const body = { site_key: this.#siteKey, writer, resume, client_time_ms: Date.now() };
    return this.#ask("/start", { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });
  }

  policy(): Promise<Answer> {
    return this.#ask(`/policy?site_key=${encodeURIComponent(this.#siteKey)}`, { cache: "no-store" });
  }

  async put({ sequence, token, body, policyVersion, form, keepalive }: Put): Promise<Answer> {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${token}`,
      "Content-Type": form.kind === "spool" ? "application/vnd.clerestory.spool" : "application/json",
      "Clerestory-Policy": String(policyVersion),
    };
    if (form.kind === "gzip") headers["Content-Encoding"] = "gzip";
    if (form.kind === "spool") headers["Clerestory-Spool-Key"] = form.keyId;
    const answer = await this.#ask(`/segments/${sequence}`, {
      method: "PUT",
      headers,
      body,
      keepalive: keepalive === true,
    });
    // Only what names the segment acknowledges it.
    const isOurs = answer.status !== 200 || answer.body.acknowledged === sequence;
    return isOurs ? answer : { ...answer, status: 0 };
  }

  end(token: string, reason: "stopped" | "unload"): Promise<Answer> {
    const headers = { ...JSON_TYPE, Authorization: `Bearer ${token}` };
    return this.#ask("/end", { method: "POST", headers, body: JSON.stringify({ reason }), keepalive: true });
  }

  #ask(path: string, init: RequestInit): Promise<Answer> {
    return ask(this.#base + path, { ...init, signal: this.#ended.signal });
  }
}

const JSON_TYPE = { "Content-Type": "application/json" };

const positive = (value: unknown, fallback: number): number =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? value : fallback;

/** Reads the answer to `start`, or gives `null` where something that is needed is missing. */
export function readVisit(body: Fields): Visit | null {
  const { token, recording, track, next_sequence: next, server_time_ms: time, policy, spool, limits } = body;
  if (typeof token !== "string" || typeof recording !== "string" || typeof track !== "string") return null;
  if (typeof next !== "number" || !Number.isSafeInteger(next) || typeof time !== "number") return null;
  if (!isSignedPolicy(policy) || !isFields(spool)) return null;
  const { key_id: spoolKeyId, public_key: spoolKey } = spool;
  if (typeof spoolKeyId !== "string" || typeof spoolKey !== "string") return null;
  const told = isFields(limits) ? limits : {};
  return {
    token,
    recording,
    track,
    nextSequence: next,
    continued: body.continued === true,
    serverTimeMs: time,
    policy,
    spoolKeyId,
    spoolKey,
    limits: {
      segmentBytes: positive(told.segment_bytes, 16 * 1024 * 1024),
      flushMs: positive(told.flush_ms, 2000),
      keyframeMs: positive(told.keyframe_ms, 60_000),
      silenceMs: positive(told.silence_ms, 30 * 60_000),
    },
  };
}
