/** The policy for screens: parsed strictly, and believed only where the organisation's key signed it. */
import { canonicalJson } from "@clerestory/capture/src/policy/canonical";
import { CLOCK_TOLERANCE_MS, openSigned } from "@clerestory/capture/src/policy/signature";
import { type PageRule, type PageRules, parsePageRule } from "./pages";

export type Surface = "tab" | "window" | "screen";
export const SURFACES: readonly Surface[] = ["tab", "window", "screen"];

/** Times are milliseconds since 1970 by the server's clock. */
export interface ScreenPolicy {
  readonly version: number;
  /** The browser it is made out to. */
  readonly recorder: string;
  /** What tells it from another document, whenever it was signed. */
  readonly digest: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly recording: boolean;
  readonly audio: boolean;
  readonly surfaces: readonly Surface[];
  readonly pages: PageRules;
  readonly pause: "no" | "reason" | "free";
  readonly liveView: "off" | "self" | "manager" | "admin";
  readonly keptDays: number | null;
  /** What the person has to be shown; `null` where the organisation set none, and then nothing may begin. */
  readonly notice: {
    readonly version: string;
    readonly basis: string;
    readonly textUrl: string | null;
  } | null;
}

export type PolicyRefusal =
  | "policy-malformed"
  | "policy-signature"
  | "policy-expired"
  | "policy-not-yet-valid"
  | "policy-older"
  | "policy-of-another";

type Fields = Readonly<Record<string, unknown>>;

const FORMAT = "clerestory screen policy 1";
const FIELDS = [
  "format",
  "version",
  "recorder",
  "issued_at_ms",
  "expires_at_ms",
  "recording",
  "audio",
  "surfaces",
  "urls",
  "pause",
  "live_view",
  "kept_days",
  "notice",
];
const MAX_RULES = 2000;
/** No policy is believed for longer, whatever it says of itself. */
const OLDEST_MS = 24 * 60 * 60_000;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const hasOnly = (value: Fields, names: readonly string[]): boolean =>
  Object.keys(value).length === names.length && names.every((name) => name in value);

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const oneOf = <T extends string>(value: unknown, words: readonly T[]): T | null =>
  words.find((word) => word === value) ?? null;

function readRules(value: unknown): readonly PageRule[] | null {
  if (!Array.isArray(value) || value.length > MAX_RULES) return null;
  const rules = value.map((rule: unknown) => (typeof rule === "string" ? parsePageRule(rule) : null));
  // A rule that is not understood may exclude what is in front of us: then nothing is captured at all.
  return rules.includes(null) ? null : (rules as PageRule[]);
}

function readPages(value: unknown): PageRules | null {
  if (!isFields(value)) return null;
  const mode = oneOf(value.mode, ["block", "allow"]);
  const fields = mode === "allow" ? ["mode", "patterns", "except"] : ["mode", "patterns"];
  if (mode === null || !hasOnly(value, fields)) return null;
  const rules = readRules(value.patterns);
  const except = mode === "allow" ? readRules(value.except) : [];
  return rules && except ? { mode, rules, except } : null;
}

function readNotice(value: unknown): ScreenPolicy["notice"] | undefined {
  if (value === null) return null;
  if (!isFields(value) || !hasOnly(value, ["version", "basis", "text_url"])) return undefined;
  const { version, basis, text_url: textUrl } = value;
  if (typeof version !== "string" || typeof basis !== "string") return undefined;
  if (textUrl !== null && !(typeof textUrl === "string" && /^https?:\/\//.test(textUrl))) return undefined;
  return { version, basis, textUrl };
}

/** What is in a policy but when it was signed, as the server names it: two with the same digest say the same. */
export async function digestOf(document: Fields): Promise<string> {
  const { issued_at_ms: _, expires_at_ms: __, ...rest } = document;
  const bytes = new TextEncoder().encode(canonicalJson(rest));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads the signed document; `null` where there is anything in it that is not understood. */
export async function parseScreenPolicy(value: unknown): Promise<ScreenPolicy | null> {
  if (!isFields(value) || !hasOnly(value, FIELDS) || value.format !== FORMAT) return null;
  const { recorder } = value;
  if (typeof recorder !== "string") return null;
  const { version, issued_at_ms: issuedAtMs, expires_at_ms: expiresAtMs, recording, audio } = value;
  if (!isWhole(version) || !isWhole(issuedAtMs) || !isWhole(expiresAtMs)) return null;
  if (typeof recording !== "boolean" || typeof audio !== "boolean" || !Array.isArray(value.surfaces))
    return null;
  const surfaces = value.surfaces.map((surface) => oneOf(surface, SURFACES));
  const pages = readPages(value.urls);
  const pause = oneOf(value.pause, ["no", "reason", "free"]);
  const liveView = oneOf(value.live_view, ["off", "self", "manager", "admin"]);
  const { kept_days: keptDays } = value;
  const notice = readNotice(value.notice);
  if (surfaces.includes(null) || !pages || !pause || !liveView || notice === undefined) return null;
  if (keptDays !== null && keptDays !== 0 && !isWhole(keptDays)) return null;
  return {
    version,
    recorder,
    digest: await digestOf(value),
    issuedAtMs,
    expiresAtMs,
    recording,
    audio,
    surfaces: surfaces as Surface[],
    pages,
    pause,
    liveView,
    keptDays,
    notice,
  };
}

/** Until when a policy is believed. */
export const endsAtMs = ({ issuedAtMs, expiresAtMs }: ScreenPolicy): number =>
  Math.min(expiresAtMs, issuedAtMs + OLDEST_MS);

export interface VerifyContext {
  /** Raw P-256 point, base64url, kept since enrolment. */
  readonly key: string;
  /** This browser's id. */
  readonly recorder: string;
  /** Milliseconds since 1970 by the server's clock. */
  readonly now: number;
  /** The version in force, which a new one must not go behind. */
  readonly before: number;
}

/** Verifies signature, form, whom it is for, version and time, in this order. */
export async function verifyScreenPolicy(
  signed: unknown,
  { key, recorder, now, before }: VerifyContext,
): Promise<{ readonly policy: ScreenPolicy } | { readonly refused: PolicyRefusal }> {
  const opened = await openSigned(signed, key);
  if ("refused" in opened) return opened;
  const policy = await parseScreenPolicy(opened.value);
  if (!policy) return { refused: "policy-malformed" };
  // All browsers of an organisation believe the same key: another's rules may be more lenient.
  if (policy.recorder !== recorder) return { refused: "policy-of-another" };
  if (policy.version < before) return { refused: "policy-older" };
  if (endsAtMs(policy) <= now) return { refused: "policy-expired" };
  if (policy.issuedAtMs > now + CLOCK_TOLERANCE_MS) return { refused: "policy-not-yet-valid" };
  return { policy };
}
