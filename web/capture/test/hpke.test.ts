// @vitest-environment node
import { createECDH, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { seal, spoolInfo } from "../src/transport/hpke";
import { open } from "./support/hpke-open.mjs";

const hex = (text: string): Buffer => Buffer.from(text, "hex");

describe("the opener the tests rely on", () => {
  // RFC 9180, appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0.
  it("opens the vector of the RFC", () => {
    const enc = hex(
      "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
    );
    const sealed = hex(
      "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
    );
    const opened = open({
      privateKey: hex("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"),
      message: Buffer.concat([enc, sealed]),
      info: hex("4f6465206f6e2061204772656369616e2055726e"),
      aead: 1,
      aad: hex("436f756e742d30"),
    });
    expect(opened.toString("hex")).toBe("4265617574792069732074727574682c20747275746820626561757479");
  });
});

describe("sealing for the spool", () => {
  const recipient = createECDH("prime256v1");
  const publicKey = new Uint8Array(recipient.generateKeys());
  const privateKey = recipient.getPrivateKey();
  const info = spoolInfo("rec_1", "trk_1", 7);

  it("is opened by the holder of the key, in its own place", async () => {
    for (const length of [0, 1, 70_000]) {
      const plain = new Uint8Array(randomBytes(length));
      const message = Buffer.from(await seal(publicKey, info, plain));
      expect(message.length).toBe(65 + length + 16);
      expect(open({ privateKey, message, info: Buffer.from(info) }).equals(plain)).toBe(true);
    }
  });

  it("does not open in another place, or changed", async () => {
    const message = Buffer.from(await seal(publicKey, info, new Uint8Array([1, 2, 3])));
    expect(() => open({ privateKey, message, info: Buffer.from(spoolInfo("rec_1", "trk_1", 8)) })).toThrow();
    message[70] = (message[70] ?? 0) ^ 1;
    expect(() => open({ privateKey, message, info: Buffer.from(info) })).toThrow();
  });

  it("never seals alike twice", async () => {
    const one = await seal(publicKey, info, new Uint8Array(8));
    const two = await seal(publicKey, info, new Uint8Array(8));
    expect(Buffer.from(one).equals(Buffer.from(two))).toBe(false);
  });

  it("writes the place as the server reads it", () => {
    expect(Buffer.from(info).toString()).toBe("clerestory spool 1\0rec_1\0trk_1\0" + "7");
  });
});
