/** The server's half of recording screens. Answers are checked before anything relies on them. */
import { isSignedPolicy, type SignedPolicy } from "@clerestory/capture/src/policy/signature";
import { type Answer, ask, type Fields, isFields } from "@clerestory/capture/src/transport/ask";
import type { Surface } from "../policy/screen";
import { KINDS, type Kind } from "../spool/names";

/** What a browser that joined knows of itself. The token is its own; whoever has it records as this person. */
export interface Enrolment {
  /** An origin. */
  readonly server: string;
  readonly recorder: string;
  readonly token: string;
  readonly person: string;
  readonly organisation: string;
  /** Raw P-256 point, base64url: whose signature policies must carry. */
  readonly policyKey: string;
}

export interface Track {
  readonly id: string;
  readonly nextSequence: number;
}

/** The right to write some tracks of one recording for a while. */
export interface Leave {
  readonly token: string;
  /** How long the token is worth something, where the server says so. */
  readonly lifetimeMs: number | null;
  readonly recording: string;
  readonly continued: boolean;
  readonly tracks: Readonly<Record<Kind, Track | null>>;
  readonly serverTimeMs: number;
  readonly policy: SignedPolicy;
  readonly spoolKeyId: string;
  /** Raw P-256 point, base64url. */
  readonly spoolKey: string;
  readonly segmentBytes: number;
  readonly segmentMs: number;
}

export interface StartWish {
  readonly writer: string;
  /** The token of the run before, to go on in its recording. */
  readonly resume: string | null;
  readonly surface: Surface;
  readonly audio: boolean;
  readonly notice: string;
}

export interface SealedSegment {
  readonly kind: Kind;
  readonly sequence: number;
  readonly policyVersion: number;
  readonly spoolKeyId: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array;
}

export interface Watcher {
  readonly name: string;
  readonly since: string;
}

const JSON_TYPE = { "Content-Type": "application/json" };
const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const whole = (value: unknown): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

export class Server {
  readonly #base: string;

  constructor(origin: string) {
    this.#base = `${origin}/api/v1`;
  }

  join(code: string, label: string): Promise<Answer> {
    return this.#post("/capture/recorders", null, { code, label });
  }

  /** Ends this browser's right to record, for good. */
  leave(token: string): Promise<Answer> {
    return this.#post("/capture/recorders/leave", token, {});
  }

  policy(token: string): Promise<Answer> {
    return this.#ask("/capture/screens/policy", token, { cache: "no-store" });
  }

  start(token: string, { writer, resume, surface, audio, notice }: StartWish): Promise<Answer> {
    const wish = { writer, resume, client_time_ms: Date.now(), surface, audio, notice };
    return this.#post("/capture/screens/start", token, wish);
  }

  put(
    token: string,
    { kind, sequence, policyVersion, spoolKeyId, body, digest }: SealedSegment,
  ): Promise<Answer> {
    return this.#ask(`/capture/screens/segments/${kind}/${sequence}`, token, {
      method: "PUT",
      headers: {
        "Content-Type": "application/vnd.clerestory.spool",
        "Clerestory-Spool-Key": spoolKeyId,
        "Clerestory-Policy": String(policyVersion),
        "Content-Digest": `sha-256=:${base64(digest)}:`,
      },
      body,
    });
  }

  watching(token: string): Promise<Answer> {
    return this.#ask("/capture/screens/watching", token, { cache: "no-store" });
  }

  discard(token: string, fromMs: number, toMs: number): Promise<Answer> {
    return this.#post("/capture/screens/discard", token, { from_ms: fromMs, to_ms: toMs });
  }

  end(token: string, reason: "stopped" | "shutdown"): Promise<Answer> {
    return this.#post("/capture/screens/end", token, { reason });
  }

  #post(path: string, token: string | null, body: unknown): Promise<Answer> {
    return this.#ask(path, token, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });
  }

  #ask(path: string, token: string | null, init: RequestInit): Promise<Answer> {
    const headers = { ...init.headers, ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
    return ask(this.#base + path, { ...init, headers, signal: AbortSignal.timeout(60_000) });
  }
}

/** Reads the answer to `join`. */
export function readEnrolment(server: string, body: Fields): Enrolment | null {
  const { person, organisation } = body;
  const recorder = text(body.recorder);
  const token = text(body.token);
  const policyKey = text(body.policy_public_key);
  if (!recorder || !token || !policyKey || !isFields(person) || !isFields(organisation)) return null;
  const names = { person: text(person.name) ?? "", organisation: text(organisation.name) ?? "" };
  return { server, recorder, token, policyKey, ...names };
}

function readTrack(value: unknown): Track | null {
  if (!isFields(value)) return null;
  const id = text(value.id);
  const nextSequence = whole(value.next_sequence);
  return id !== null && nextSequence !== null ? { id, nextSequence } : null;
}

/** Reads the answer to `start`, or gives `null` where something that is needed is missing. */
export function readLeave(body: Fields): Leave | null {
  const { tracks: told, policy, spool, limits } = body;
  const token = text(body.token);
  const recording = text(body.recording);
  const serverTimeMs = whole(body.server_time_ms);
  if (!token || !recording || serverTimeMs === null || !isSignedPolicy(policy)) return null;
  if (!isFields(told) || !isFields(spool)) return null;
  const [video = null, audio = null, actions = null] = KINDS.map((kind) => readTrack(told[kind]));
  const spoolKeyId = text(spool.key_id);
  const spoolKey = text(spool.public_key);
  if (!video || !actions || !spoolKeyId || !spoolKey) return null;
  const expiresAtMs = Date.parse(text(body.expires_at) ?? "");
  const bounds = isFields(limits) ? limits : {};
  return {
    token,
    lifetimeMs: expiresAtMs > serverTimeMs ? expiresAtMs - serverTimeMs : null,
    recording,
    continued: body.continued === true,
    tracks: { video, audio, actions },
    serverTimeMs,
    policy,
    spoolKeyId,
    spoolKey,
    segmentBytes: whole(bounds.segment_bytes) || 16 * 1024 * 1024,
    segmentMs: whole(bounds.segment_ms) || 2000,
  };
}

/** A token is renewed well before it runs out. */
const RENEW_BEFORE_MS = 3 * 60_000;

/** When to ask for another token, by the device's clock. */
export const renewAtMs = ({ lifetimeMs }: Leave, nowMs: number): number | null =>
  lifetimeMs === null ? null : nowMs + lifetimeMs - Math.min(RENEW_BEFORE_MS, lifetimeMs / 2);

/** Reads the answer to `watching`. */
export function readWatching(body: Fields): {
  readonly watchers: readonly Watcher[];
  /** Of the policy in force, where it is told. */
  readonly digest: string | null;
} {
  const rows = Array.isArray(body.watching) ? body.watching.filter(isFields) : [];
  const watchers = rows.map(({ name, since }) => ({
    name: text(name) ?? "somebody",
    since: text(since) ?? "",
  }));
  return { watchers, digest: text(body.policy_digest) };
}

/** The receipt for a segment: the hash of what the server took, in hex, where it names this segment. */
export const readReceipt = ({ status, body }: Answer, sequence: number): string | null =>
  status === 200 && body.acknowledged === sequence ? text(body.sha256) : null;
