/** What every signed policy has in common: who signed it, and that it says one thing in one way. */
import { fromBase64Url } from "../bytes";
import { canonicalJson } from "./canonical";

/** A policy as the server sends it; only `document` and `signature` are believed, after checking. */
export interface SignedPolicy {
  readonly document: string;
  readonly signature: string;
}

/** How far the server's clock may lie behind the signer's. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

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

/**
 * The document, as JSON, where the key signed its canonical form.
 *
 * `pinnedKey` is a raw P-256 point, base64url. What the document says is still to be checked.
 */
export async function openSigned(
  signed: unknown,
  pinnedKey: string,
): Promise<{ readonly value: unknown } | { readonly refused: "policy-malformed" | "policy-signature" }> {
  if (!isSignedPolicy(signed)) return { refused: "policy-malformed" };
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64Url(signed.document);
  } catch {
    return { refused: "policy-malformed" };
  }
  if (!(await signatureHolds(bytes, signed.signature, pinnedKey))) return { refused: "policy-signature" };
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return canonicalJson(value) === text ? { value } : { refused: "policy-malformed" };
  } catch {
    return { refused: "policy-malformed" };
  }
}
