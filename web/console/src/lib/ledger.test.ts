import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { LedgerProofs } from "../api/types";
import {
  checkLedger,
  entryLeaf,
  fromHex,
  provesConsistency,
  provesInclusion,
  readCheckpoint,
  toHex,
} from "./ledger";

/** RFC 6962, section 2.1, by its recursive definitions; nothing of what is tested. */
const sha = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const below = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);
function mth(leaves: Buffer[]): Buffer {
  const [only] = leaves;
  if (!only) return sha();
  if (leaves.length === 1) return only;
  const k = below(leaves.length);
  return sha(Buffer.from([1]), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}
function path(m: number, leaves: Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const k = below(leaves.length);
  return m < k
    ? [...path(m, leaves.slice(0, k)), mth(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), mth(leaves.slice(0, k))];
}
function subproof(m: number, leaves: Buffer[], known: boolean): Buffer[] {
  if (m === leaves.length) return known ? [] : [mth(leaves)];
  const k = below(leaves.length);
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), known), mth(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}
const hex = (all: Buffer[]) => all.map((one) => one.toString("hex"));

const SALT = "5a".repeat(16);
const hashOf = (n: number) => sha(Buffer.from(`entry ${n}`)).toString("hex");
/** The hash of the leaf of entry n, counted from 0. */
const leafOf = (n: number) =>
  sha(
    Buffer.from([0]),
    sha(Buffer.from("clerestory audit leaf 1"), Buffer.from(SALT, "hex"), Buffer.from(hashOf(n), "hex")),
  );
const tree = (size: number) => Array.from({ length: size }, (_, n) => leafOf(n));
const root = (leaves: Buffer[]) => mth(leaves).toString("hex");

test("a leaf is computed as the server computes it", async () => {
  expect(await entryLeaf(SALT, hashOf(3))).toBe(leafOf(3).toString("hex"));
});

test("every proof of small trees holds, and none of another leaf or root", async () => {
  for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 17]) {
    const leaves = tree(size);
    for (let leaf = 0; leaf < size; leaf += 1) {
      const proof = hex(path(leaf, leaves));
      const own = leafOf(leaf).toString("hex");
      expect(await provesInclusion(own, leaf, size, proof, root(leaves))).toBe(true);
      expect(await provesInclusion(leafOf(99).toString("hex"), leaf, size, proof, root(leaves))).toBe(false);
      expect(await provesInclusion(own, leaf, size, proof, "00".repeat(32))).toBe(false);
      expect(await provesInclusion(own, leaf, size, [...proof, own], root(leaves))).toBe(false);
    }
    for (let old = 1; old <= size; old += 1) {
      const before = { size: old, root: root(leaves.slice(0, old)) };
      const now = { size, root: root(leaves) };
      const proof = hex(subproof(old, leaves, true));
      expect(await provesConsistency(before, now, proof)).toBe(true);
      expect(await provesConsistency({ ...before, root: "00".repeat(32) }, now, proof)).toBe(false);
      if (old < size) expect(await provesConsistency(now, before, proof)).toBe(false);
    }
  }
});

function note(leaves: Buffer[]): string {
  return `clerestory/00\n${leaves.length}\n${mth(leaves).toString("base64")}\n\n— clerestory/00 AAAA\n`;
}

function answer(leaves: Buffer[], since: number, leaf: number): LedgerProofs {
  return {
    checkpoint: note(leaves),
    key: "clerestory/00+00000000+AQ==",
    size: leaves.length,
    consistency: since > leaves.length ? null : since === 0 ? [] : hex(subproof(since, leaves, true)),
    inclusion: { leaf, hash: hashOf(leaf), salt: SALT, path: hex(path(leaf, leaves)) },
  };
}

const remembered = (leaves: Buffer[]) => ({
  note: note(leaves),
  size: leaves.length,
  root: root(leaves),
  seen_at: "2026-11-22T09:00:00Z",
});

test("a ledger that goes on holds, and an entry that was edited is not in it", async () => {
  const now = tree(11);
  const since = remembered(tree(6));
  const entry = { number: 5, hash: hashOf(4) };
  const held = await checkLedger(answer(now, 6, 4), since, entry);
  expect(held).toEqual({ kind: "held", size: 11, since, entry: { number: 5, leaf: 4 } });
  const edited = await checkLedger(answer(now, 6, 4), since, { number: 5, hash: hashOf(77) });
  expect(edited).toEqual({ kind: "not-in-it", size: 11, number: 5 });
});

test("a rewritten or shortened ledger is told from one that goes on", async () => {
  const since = remembered(tree(6));
  const other = tree(11);
  other[2] = leafOf(50);
  expect((await checkLedger(answer(other, 6, 4), since, null)).kind).toBe("rewritten");
  expect((await checkLedger(answer(tree(4), 6, 1), since, null)).kind).toBe("rewritten");
  expect((await checkLedger(answer(tree(6), 6, 1), since, null)).kind).toBe("held");
});

test("texts that are no checkpoints are not read as one", () => {
  expect(readCheckpoint(note(tree(3)))?.size).toBe(3);
  for (const bad of ["", "a\n03\nAAAA\n", "a\n3\nAAAA\n", "a\n3\n***\n", "a\n-1\nAAAA"])
    expect(readCheckpoint(bad)).toBe(null);
  expect(toHex(fromHex("00ff10"))).toBe("00ff10");
});
