import { describe, expect, it } from "vitest";
import type { Erasure } from "../api/types";
import {
  checkReceipt,
  kindWords,
  meantBy,
  parseClock,
  progressWords,
  reached,
  sameName,
  stagePanes,
  standing,
} from "./erasures";

const asked: Erasure = {
  id: "era_1",
  kind: "recording",
  target: "rec_1",
  state: "purge_queued",
  progress: { tracks: 2, keys: 4, keys_destroyed: 0, objects: 0, objects_gone: 0 },
  waits_for: null,
  entry: 7,
  asked_at: "2026-11-22T10:00:00.000000Z",
  destroyed_at: null,
  verified_at: null,
  unreadable_in_every_copy_since: null,
  receipt: null,
};
const shredded = { ...asked, destroyed_at: "2026-11-22T10:00:06.000000Z" };
const verified = { ...shredded, verified_at: "2026-11-22T10:01:00.000000Z" };
const closed = { ...verified, unreadable_in_every_copy_since: "2026-11-30T00:00:00.000000Z" };

describe("how far an erasure is", () => {
  it("is told in counts, of objects once they are known", () => {
    expect(progressWords(asked)).toBe("2 tracks; 0 of 4 keys destroyed.");
    const progress = { tracks: 1, keys: 1204, keys_destroyed: 1204, objects: 5, objects_gone: 3 };
    expect(progressWords({ progress })).toBe("1 track; 1,204 of 1,204 keys destroyed, 3 of 5 objects gone.");
  });

  it("is told by its times", () => {
    expect([asked, shredded, verified, closed].map(reached)).toEqual([1, 2, 3, 4]);
    expect([asked, shredded, verified, closed].map(standing)).toEqual([
      "being erased",
      "keys destroyed, bytes are going",
      "gone and checked",
      "gone from every copy",
    ]);
  });

  it("shows the stage that waits in copper", () => {
    expect(stagePanes(shredded)).toEqual(["a3", "a3", "none", "none"]);
    expect(stagePanes({ ...shredded, waits_for: "a file of the log" })).toEqual([
      "a3",
      "a3",
      "copper",
      "none",
    ]);
  });
});

describe("the erasure an address means", () => {
  const range = { ...asked, id: "era_2", kind: "range" };
  const person = { ...asked, id: "era_3", kind: "subject", target: "sub_1" };
  it("is the one that took everything, where there are several", () => {
    expect(meantBy([range, asked, person], { of: "rec_1", about: "sub_1" })).toBe("era_1");
    expect(meantBy([range, person], { of: "rec_1", about: "sub_1" })).toBe("era_3");
    expect(meantBy([range], { of: "rec_1", about: "sub_1" })).toBe("era_2");
    expect(meantBy([range, person], { of: "era_3" })).toBe("era_3");
    expect([meantBy([person], { of: "rec_9" }), meantBy([person], {})]).toEqual([null, null]);
  });
});

describe("what somebody types", () => {
  it("is a place in a recording, or nothing", () => {
    expect(parseClock("8:14")).toBe(494_000_000);
    expect(parseClock(" 1:04:12 ")).toBe(3_852_000_000);
    expect(parseClock("90:00")).toBe(5_400_000_000);
    for (const wrong of ["", "8", "8:60", "1:60:00", "-1:00", "8:1a"]) expect(parseClock(wrong)).toBeNull();
  });

  it("is a name, whatever its capitals", () => {
    expect(sameName(" calm  heron", "Calm Heron")).toBe(true);
    expect(sameName("Calm Hero", "Calm Heron")).toBe(false);
    expect(sameName("", "Calm Heron")).toBe(false);
  });
});

describe("a receipt", () => {
  it("is good as it was signed, and bad with one letter changed", async () => {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("privateKey" in pair)) throw new Error("no key pair");
    const text = '{"kind":"recording"}';
    const signed = new TextEncoder().encode(`clerestory erasure receipt 1\n${text}`);
    const base64 = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
    const receipt = {
      text,
      signature: base64(await crypto.subtle.sign("Ed25519", pair.privateKey, signed)),
      key: base64(await crypto.subtle.exportKey("raw", pair.publicKey)),
    };
    expect(await checkReceipt(receipt)).toBe("good");
    expect(await checkReceipt({ ...receipt, text: '{"kind":"recordinG"}' })).toBe("bad");
    expect(await checkReceipt({ ...receipt, key: "no key" })).toBe("bad");
  });
});

it("every kind the server writes has words of its own", () => {
  for (const kind of ["recording", "track", "range", "subject", "organisation", "expired"]) {
    expect(kindWords(kind)).not.toBe(kind);
  }
  expect(kindWords("unheard of")).toBe("unheard of");
});
