/** Policies as an organisation signs them, for tests. */
import { generateKeyPairSync, sign } from "node:crypto";
import { canonicalJson } from "@clerestory/capture/src/policy/canonical";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { x = "", y = "" } = publicKey.export({ format: "jwk" });

/** The browser that policies are made out to. */
export const recorder = "rcr_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/** Raw P-256 point, base64url. */
export const policyKey = Buffer.concat([
  Buffer.from([4]),
  Buffer.from(x, "base64url"),
  Buffer.from(y, "base64url"),
]).toString("base64url");

export function signed(content: unknown, write: (value: unknown) => string = canonicalJson) {
  const bytes = Buffer.from(write(content));
  const signature = sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" });
  return { document: bytes.toString("base64url"), signature: signature.toString("base64url") };
}

export const policyAt = (now: number, over: Readonly<Record<string, unknown>> = {}) => ({
  format: "clerestory screen policy 1",
  version: 7,
  recorder,
  issued_at_ms: now - 1000,
  expires_at_ms: now + 3_600_000,
  recording: true,
  audio: false,
  surfaces: ["tab", "window"],
  urls: { mode: "block", patterns: ["https://bank.example/*"] },
  pause: "reason",
  live_view: "off",
  kept_days: 90,
  notice: { version: "2026-1", basis: "works agreement", text_url: null },
  ...over,
});
