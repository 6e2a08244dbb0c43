/**
 * Checking the ledger in the browser: RFC 6962 proofs over WebCrypto's SHA-256, and the checkpoint this browser saw
 * last. The steps of checking are those of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
 */
import * as v from "valibot";
import type { LedgerProofs } from "../api/types";

type Bytes = Uint8Array<ArrayBuffer>;

const Remembered = v.object({
  /** The signed note, whole: what an administrator hands to `verify ledger --against`. */
  note: v.string(),
  size: v.number(),
  root: v.string(),
  seen_at: v.string(),
});
export type Remembered = v.InferOutput<typeof Remembered>;

const KEY = "clerestory.ledger";

/** The checkpoint this browser remembers, or null before the first one. */
export function rememberedCheckpoint(): Remembered | null {
  try {
    const parsed = v.safeParse(Remembered, JSON.parse(localStorage.getItem(KEY) ?? "null"));
    return parsed.success ? parsed.output : null;
  } catch {
    // Not JSON: somebody else wrote there. As good as nothing.
    return null;
  }
}

export function rememberCheckpoint(checkpoint: Remembered): void {
  localStorage.setItem(KEY, JSON.stringify(checkpoint));
}

export interface Checkpoint {
  origin: string;
  size: number;
  /** The root, in hex. */
  root: string;
}

/** Origin, size and root of a signed checkpoint, or null for a text that is none. */
export function readCheckpoint(note: string): Checkpoint | null {
  const [origin, size, root] = note.split("\n");
  if (!origin || !size || !root || !/^(0|[1-9][0-9]{0,15})$/.test(size)) return null;
  try {
    const bytes = Uint8Array.from(atob(root), (c) => c.charCodeAt(0));
    return bytes.length === 32 ? { origin, size: Number(size), root: toHex(bytes) } : null;
  } catch {
    return null;
  }
}

export function fromHex(hex: string): Bytes {
  const pairs = hex.match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const node = (left: Uint8Array, right: Uint8Array) => sha256(NODE, left, right);

/** The hash of an entry's leaf, in hex: the leaf holds a commitment of the entry's salt and hash. */
export async function entryLeaf(salt: string, hash: string): Promise<string> {
  const label = new TextEncoder().encode("clerestory audit leaf 1");
  return toHex(await sha256(LEAF, await sha256(label, fromHex(salt), fromHex(hash))));
}

/** Whether `path` shows that the leaf with this hash is number `leaf` of `size` under `root`; all in hex. */
export async function provesInclusion(
  hash: string,
  leaf: number,
  size: number,
  path: readonly string[],
  root: string,
): Promise<boolean> {
  if (leaf >= size) return false;
  let at = BigInt(leaf);
  let last = BigInt(size) - 1n;
  let now: Bytes = fromHex(hash);
  for (const beside of path) {
    if (last === 0n) return false;
    if (at & 1n || at === last) {
      now = await node(fromHex(beside), now);
      while (!(at & 1n) && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else {
      now = await node(now, fromHex(beside));
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n && toHex(now) === root;
}

interface Head {
  size: number;
  root: string;
}

/** Whether `proof` shows that the tree `old` is the beginning of the tree `now`; hashes in hex. */
export async function provesConsistency(old: Head, now: Head, proof: readonly string[]): Promise<boolean> {
  if (old.size > now.size) return false;
  if (old.size === now.size) return proof.length === 0 && old.root === now.root;
  if (old.size === 0) return proof.length === 0;
  const rest = [...proof];
  const first = Number.isInteger(Math.log2(old.size)) ? old.root : rest.shift();
  if (first === undefined) return false;
  let at = BigInt(old.size) - 1n;
  let last = BigInt(now.size) - 1n;
  while (at & 1n) [at, last] = [at >> 1n, last >> 1n];
  let fromOld: Bytes = fromHex(first);
  let fromNow = fromOld;
  for (const hex of rest) {
    if (last === 0n) return false;
    const beside = fromHex(hex);
    if (at & 1n || at === last) {
      fromOld = await node(beside, fromOld);
      fromNow = await node(beside, fromNow);
      while (!(at & 1n) && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else {
      fromNow = await node(fromNow, beside);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n && toHex(fromOld) === old.root && toHex(fromNow) === now.root;
}

export type LedgerCheck =
  | { kind: "held"; size: number; since: Remembered | null; entry: { number: number; leaf: number } | null }
  | { kind: "rewritten"; size: number; since: Remembered }
  | { kind: "not-in-it"; size: number; number: number }
  | { kind: "unreadable" };

/**
 * Checks an answer against what this browser remembers and against an entry it shows. Whoever calls it remembers the new
 * checkpoint only if it held: the old one is the evidence.
 */
export async function checkLedger(
  answer: LedgerProofs,
  since: Remembered | null,
  entry: { number: number; hash: string } | null,
): Promise<LedgerCheck> {
  const head = readCheckpoint(answer.checkpoint);
  if (head === null || head.size !== answer.size) return { kind: "unreadable" };
  const { size } = head;
  if (since && !(answer.consistency && (await provesConsistency(since, head, answer.consistency))))
    return { kind: "rewritten", size, since };
  const found = answer.inclusion;
  if (!entry || !found) return { kind: "held", size, since, entry: null };
  const leaf = await entryLeaf(found.salt, entry.hash);
  if (!(await provesInclusion(leaf, found.leaf, size, found.path, head.root)))
    return { kind: "not-in-it", size, number: entry.number };
  return { kind: "held", size, since, entry: { number: entry.number, leaf: found.leaf } };
}
