/**
 * HPKE (RFC 9180) in base mode: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Only sealing: the device
 * holds no private key and cannot open its own spool.
 */
import { concat, utf8 } from "../bytes";

const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const KEM_SUITE = concat(utf8("KEM"), u16(0x0010));
const SUITE = concat(utf8("HPKE"), u16(0x0010), u16(0x0001), u16(0x0002));
const VERSION = utf8("HPKE-v1");
const NONE = new Uint8Array(0);
const CURVE = { name: "ECDH", namedCurve: "P-256" };

/** LabeledExtract followed by LabeledExpand is one HKDF; RFC 9180, section 4. */
async function extractAndExpand(
  suite: Uint8Array,
  salt: Uint8Array<ArrayBuffer>,
  extract: { label: string; ikm: Uint8Array },
  expand: { label: string; info: Uint8Array },
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const ikm = concat(VERSION, suite, utf8(extract.label), extract.ikm);
  const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
  const info = concat(u16(length), VERSION, suite, utf8(expand.label), expand.info);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, length * 8);
  return new Uint8Array(bits);
}

/** LabeledExtract with an empty salt, which HMAC reads as a block of zeros. */
async function extract(label: string, ikm: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const zeros = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new Uint8Array(32), zeros, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, concat(VERSION, SUITE, utf8(label), ikm)));
}

/**
 * Seals for the holder of the private key: `enc` (65 bytes, uncompressed point), then ciphertext and tag.
 *
 * Rejects where the public key is not a point of P-256.
 */
export async function seal(
  publicKey: Uint8Array<ArrayBuffer>,
  info: Uint8Array,
  plaintext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { subtle } = crypto;
  const recipient = await subtle.importKey("raw", publicKey, CURVE, true, []);
  const ephemeral = await subtle.generateKey(CURVE, false, ["deriveBits"]);
  const enc = new Uint8Array(await subtle.exportKey("raw", ephemeral.publicKey));
  const dh = new Uint8Array(
    await subtle.deriveBits({ name: "ECDH", public: recipient }, ephemeral.privateKey, 256),
  );
  const kemContext = concat(enc, publicKey);
  const shared = await extractAndExpand(
    KEM_SUITE,
    NONE,
    { label: "eae_prk", ikm: dh },
    { label: "shared_secret", info: kemContext },
    32,
  );
  const context = concat(
    Uint8Array.of(0),
    await extract("psk_id_hash", NONE),
    await extract("info_hash", info),
  );
  const secret = { label: "secret", ikm: NONE };
  const key = await extractAndExpand(SUITE, shared, secret, { label: "key", info: context }, 32);
  const iv = await extractAndExpand(SUITE, shared, secret, { label: "base_nonce", info: context }, 12);
  const aes = await subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return concat(enc, new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv }, aes, plaintext)));
}

/** What a spooled segment is bound to: it opens in its own place only. */
export const spoolInfo = (recording: string, track: string, sequence: number): Uint8Array<ArrayBuffer> =>
  utf8(["clerestory spool 1", recording, track, String(sequence)].join("\0"));
