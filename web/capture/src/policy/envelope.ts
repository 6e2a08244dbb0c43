/** Checks a signed policy against the key the snippet pins. Whatever fails here stops capture. */
import { fromBase64Url } from "../bytes";
import { canonicalJson } from "./canonical";
import { type Policy, parsePolicy } from "./document";

/** A policy as the server sends it; only `document` and `signature` are believed, after checking. */
export interface SignedPolicy {
  readonly document: string;
  readonly signature: string;
}

export type PolicyRefusal =
  | "policy-malformed"
  | "policy-signature"
  | "policy-expired"
  | "policy-not-yet-valid"
  | "policy-other-site"
  | "policy-older";

export type Verified = { readonly policy: Policy } | { readonly refused: PolicyRefusal };

/** How far the server's clock may lie behind the signer's. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

export interface VerifyContext {
  /** Raw P-256 point, base64url, from the snippet. */
  readonly pinnedKey: string;
  /** Milliseconds since 1970 by the server's clock. */
  readonly now: number;
  /** The policy in force, which the new one must not go behind. */
  readonly before: Policy | null;
}

export const isSignedPolicy = (value: unknown): value is SignedPolicy =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as Partial<SignedPolicy>).document === "string" &&
  typeof (value as Partial<SignedPolicy>).signature === "string";

async function signatureHolds(
  bytes: Uint8Array<ArrayBuffer>,
  signature: string,
  pinnedKey: string,
): Promise<boolean> {
  try {
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", fromBase64Url(pinnedKey), algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, key, fromBase64Url(signature), bytes);
  } catch {
    return false;
  }
}

/** Verifies signature, form, site, version and time, in this order. */
export async function verifyPolicy(signed: unknown, context: VerifyContext): Promise<Verified> {
  if (!isSignedPolicy(signed)) return { refused: "policy-malformed" };
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64Url(signed.document);
  } catch {
    return { refused: "policy-malformed" };
  }
  if (!(await signatureHolds(bytes, signed.signature, context.pinnedKey)))
    return { refused: "policy-signature" };
  let policy: Policy;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const parsed = parsePolicy(value);
    if (!("ok" in parsed) || canonicalJson(value) !== text) return { refused: "policy-malformed" };
    policy = parsed.ok;
  } catch {
    return { refused: "policy-malformed" };
  }
  const { before, now } = context;
  if (before && before.site !== policy.site) return { refused: "policy-other-site" };
  if (before && before.version > policy.version) return { refused: "policy-older" };
  if (policy.expiresAt <= now) return { refused: "policy-expired" };
  if (policy.issuedAt > now + CLOCK_TOLERANCE_MS) return { refused: "policy-not-yet-valid" };
  return { policy };
}
