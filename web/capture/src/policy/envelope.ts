/** Checks a signed policy against the key the snippet pins. Whatever fails here stops capture. */
import { type Policy, parsePolicy } from "./document";
import { CLOCK_TOLERANCE_MS, openSigned } from "./signature";

export type PolicyRefusal =
  | "policy-malformed"
  | "policy-signature"
  | "policy-expired"
  | "policy-not-yet-valid"
  | "policy-other-site"
  | "policy-older";

export type Verified = { readonly policy: Policy } | { readonly refused: PolicyRefusal };

export interface VerifyContext {
  /** Raw P-256 point, base64url, from the snippet. */
  readonly pinnedKey: string;
  /** Milliseconds since 1970 by the server's clock. */
  readonly now: number;
  /** The policy in force, which the new one must not go behind. */
  readonly before: Policy | null;
}

/** Verifies signature, form, site, version and time, in this order. */
export async function verifyPolicy(signed: unknown, context: VerifyContext): Promise<Verified> {
  const opened = await openSigned(signed, context.pinnedKey);
  if ("refused" in opened) return opened;
  const parsed = parsePolicy(opened.value);
  if (!("ok" in parsed)) return { refused: "policy-malformed" };
  const policy = parsed.ok;
  const { before, now } = context;
  if (before && before.site !== policy.site) return { refused: "policy-other-site" };
  if (before && before.version > policy.version) return { refused: "policy-older" };
  if (policy.expiresAt <= now) return { refused: "policy-expired" };
  if (policy.issuedAt > now + CLOCK_TOLERANCE_MS) return { refused: "policy-not-yet-valid" };
  return { policy };
}
