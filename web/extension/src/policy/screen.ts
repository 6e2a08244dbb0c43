/** The policy for screens: parsed strictly, and believed only where the organisation's key signed it. */
import { CLOCK_TOLERANCE_MS, openSigned } from "@clerestory/capture/src/policy/signature";
import { type PageRule, type PageRules, parsePageRule } from "./pages";

export type Surface = "tab" | "window" | "screen";
export const SURFACES: readonly Surface[] = ["tab", "window", "screen"];

/** Times are milliseconds since 1970 by the server's clock. */
export interface ScreenPolicy {
  readonly version: number;
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
  | "policy-older";

type Fields = Readonly<Record<string, unknown>>;

const FORMAT = "clerestory screen policy 1";
const FIELDS = [
  "format",
  "version",
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

function readPages(value: unknown): PageRules | null {
  if (!isFields(value) || !hasOnly(value, ["mode", "patterns"])) return null;
  const mode = oneOf(value.mode, ["block", "allow"]);
  if (mode === null || !Array.isArray(value.patterns) || value.patterns.length > MAX_RULES) return null;
  const rules = value.patterns.map((rule: unknown) =>
    typeof rule === "string" ? parsePageRule(rule) : null,
  );
  // A rule that is not understood may exclude what is in front of us: then nothing is captured at all.
  return rules.includes(null) ? null : { mode, rules: rules as PageRule[] };
}

function readNotice(value: unknown): ScreenPolicy["notice"] | undefined {
  if (value === null) return null;
  if (!isFields(value) || !hasOnly(value, ["version", "basis", "text_url"])) return undefined;
  const { version, basis, text_url: textUrl } = value;
  if (typeof version !== "string" || typeof basis !== "string") return undefined;
  if (textUrl !== null && !(typeof textUrl === "string" && /^https?:\/\//.test(textUrl))) return undefined;
  return { version, basis, textUrl };
}

/** Reads the signed document; `null` where there is anything in it that is not understood. */
export function parseScreenPolicy(value: unknown): ScreenPolicy | null {
  if (!isFields(value) || !hasOnly(value, FIELDS) || value.format !== FORMAT) return null;
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
  /** Milliseconds since 1970 by the server's clock. */
  readonly now: number;
  /** The version in force, which a new one must not go behind. */
  readonly before: number;
}

/** Verifies signature, form, version and time, in this order. */
export async function verifyScreenPolicy(
  signed: unknown,
  { key, now, before }: VerifyContext,
): Promise<{ readonly policy: ScreenPolicy } | { readonly refused: PolicyRefusal }> {
  const opened = await openSigned(signed, key);
  if ("refused" in opened) return opened;
  const policy = parseScreenPolicy(opened.value);
  if (!policy) return { refused: "policy-malformed" };
  if (policy.version < before) return { refused: "policy-older" };
  if (endsAtMs(policy) <= now) return { refused: "policy-expired" };
  if (policy.issuedAtMs > now + CLOCK_TOLERANCE_MS) return { refused: "policy-not-yet-valid" };
  return { policy };
}
