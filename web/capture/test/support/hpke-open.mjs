/** The receiving half of HPKE (RFC 9180), written on node:crypto so that it shares nothing with the recorder's. */
import { createDecipheriv, createECDH, createHmac } from "node:crypto";

const u16 = (n) => Buffer.from([n >> 8, n & 255]);
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

export function hkdfExpand(prk, info, length) {
  let out = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  for (let i = 1; out.length < length; i += 1) {
    block = hmac(prk, Buffer.concat([block, info, Buffer.from([i])]));
    out = Buffer.concat([out, block]);
  }
  return out.subarray(0, length);
}

/** Suite ids per RFC 9180 section 7; `aead` 1 is AES-128-GCM (used by the RFC's own vector), 2 AES-256-GCM. */
export function open({ privateKey, message, info, aead = 2, aad = Buffer.alloc(0) }) {
  const kem = Buffer.concat([Buffer.from("KEM"), u16(0x10)]);
  const suite = Buffer.concat([Buffer.from("HPKE"), u16(0x10), u16(1), u16(aead)]);
  const version = Buffer.from("HPKE-v1");
  const extract = (id, salt, label, ikm) => hmac(salt, Buffer.concat([version, id, Buffer.from(label), ikm]));
  const expand = (id, prk, label, context, length) =>
    hkdfExpand(prk, Buffer.concat([u16(length), version, id, Buffer.from(label), context]), length);
  const enc = message.subarray(0, 65);
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(privateKey);
  const dh = ecdh.computeSecret(enc);
  const none = Buffer.alloc(0);
  const shared = expand(
    kem,
    extract(kem, none, "eae_prk", dh),
    "shared_secret",
    Buffer.concat([enc, ecdh.getPublicKey()]),
    32,
  );
  const context = Buffer.concat([
    Buffer.from([0]),
    extract(suite, none, "psk_id_hash", none),
    extract(suite, none, "info_hash", info),
  ]);
  const secret = extract(suite, shared, "secret", none);
  const keyLength = aead === 1 ? 16 : 32;
  const key = expand(suite, secret, "key", context, keyLength);
  const nonce = expand(suite, secret, "base_nonce", context, 12);
  const sealed = message.subarray(65);
  const decipher = createDecipheriv(`aes-${keyLength * 8}-gcm`, key, nonce);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}
