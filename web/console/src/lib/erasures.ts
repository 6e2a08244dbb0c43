/** What the console says about erasures: how far they are, in words, and whether a receipt is signed. */
import type { Erasure, ErasureReceipt } from "../api/types";
import type { PaneState } from "../components/Panes";
import { formatCount, plural } from "./format";
import type { ReceiptsSearch } from "./search";

/** The days after which the keys of a day are destroyed: then no copy of that day opens any more. */
const EPOCH_DAYS = 7;

export interface Stage {
  name: string;
  /** What is true from then on. */
  means: string;
  at: string | null;
}

/** The way of an erasure, first to last. A stage without a time is still to come. */
export function stages(erasure: Erasure): Stage[] {
  return [
    {
      name: "Asked for",
      means: "Nobody sees, plays or sends it any more.",
      at: erasure.asked_at,
    },
    {
      name: "Keys destroyed",
      means: "This installation cannot open it any more.",
      at: erasure.destroyed_at,
    },
    {
      name: "Bytes gone, and checked",
      means: "A check that can only read found nothing of it, and the receipt was signed.",
      at: erasure.verified_at,
    },
    {
      name: "Gone from every copy",
      means: "The keys of that day are destroyed: no backup and no older copy of the database opens it.",
      at: erasure.unreadable_in_every_copy_since,
    },
  ];
}

/** How much of it is done, in counts. Objects are known once the keys are destroyed. */
export function progressWords({ progress }: Pick<Erasure, "progress">): string {
  const { tracks, keys, keys_destroyed, objects, objects_gone } = progress;
  const of = (done: number, all: number) => `${formatCount(done)} of ${formatCount(all)}`;
  const bytes = keys_destroyed < keys ? "" : `, ${of(objects_gone, objects)} objects gone`;
  return `${plural(tracks, "track")}; ${of(keys_destroyed, keys)} keys destroyed${bytes}.`;
}

/** How many of the stages are reached. */
export function reached(erasure: Erasure): number {
  return stages(erasure).filter((stage) => stage.at !== null).length;
}

/** A pane for each stage: those reached, the one that needs somebody, those to come. */
export function stagePanes(erasure: Erasure): PaneState[] {
  const done = reached(erasure);
  return stages(erasure).map((_, index) => {
    if (index < done) return "a3";
    return index === done && erasure.waits_for !== null ? "copper" : "none";
  });
}

/** Where an erasure stands, in a few words. */
export function standing(erasure: Erasure): string {
  if (erasure.unreadable_in_every_copy_since !== null) return "gone from every copy";
  if (erasure.verified_at !== null) return "gone and checked";
  if (erasure.destroyed_at !== null) return "keys destroyed, bytes are going";
  return "being erased";
}

/**
 * The erasure an address means: by its own id, by what it erased whole, by whom that was about, or by what it erased a
 * part of. Null where it is not among these.
 */
export function meantBy(items: readonly Erasure[], { of, about }: ReceiptsSearch): string | null {
  if (of === undefined) return null;
  const whole = (erasure: Erasure) => erasure.kind !== "range" && erasure.kind !== "track";
  const found =
    items.find((erasure) => erasure.id === of) ??
    items.find((erasure) => erasure.target === of && whole(erasure)) ??
    items.find((erasure) => about !== undefined && erasure.target === about) ??
    items.find((erasure) => erasure.target === of);
  return found?.id ?? null;
}

const kinds: Record<string, string> = {
  recording: "A recording",
  track: "One track of a recording",
  range: "A part of a recording",
  subject: "Everything about one person",
  recordings: "Every recording about one person",
  organisation: "The whole organisation",
  expired: "What had been kept for its time",
};

/** What is erased. A kind this console does not know keeps its own word. */
export function kindWords(kind: string): string {
  return kinds[kind] ?? kind;
}

/** The day from which no copy opens what is erased now, if no backup needs the keys of today for longer. */
export function goneFromCopies(now: Date): string {
  return new Date(now.getTime() + (EPOCH_DAYS + 1) * 86_400_000).toISOString();
}

/** A place in a recording as somebody types it, `8:14` or `1:04:12`, in microseconds; null for what is none. */
export function parseClock(text: string): number | null {
  const parts = /^(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})$/.exec(text.trim());
  if (!parts) return null;
  const [h, m, s] = [parts[1] ?? "0", parts[2] ?? "", parts[3] ?? ""].map(Number);
  if (h === undefined || m === undefined || s === undefined || s > 59 || (parts[1] && m > 59)) return null;
  return (h * 3600 + m * 60 + s) * 1_000_000;
}

/** Whether two texts name the same thing: capitals and spaces around and between do not count. */
export function sameName(typed: string, name: string): boolean {
  const plain = (text: string) => text.trim().replace(/\s+/g, " ").toLowerCase();
  return plain(typed) === plain(name);
}

/** The file that is given out: what `text` says is checked byte for byte, so it stays the string it is. */
export function receiptFile(receipt: ErasureReceipt): string {
  return `${JSON.stringify(receipt, null, 2)}\n`;
}

export type Signature = "good" | "bad" | "unknown";

/** Whether a receipt was signed by the key it names; `unknown` where this browser has no Ed25519. */
export async function checkReceipt(receipt: ErasureReceipt): Promise<Signature> {
  const bytes = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  try {
    const key = await crypto.subtle.importKey("raw", bytes(receipt.key), "Ed25519", false, ["verify"]);
    const signed = new TextEncoder().encode(`clerestory erasure receipt 1\n${receipt.text}`);
    const good = await crypto.subtle.verify("Ed25519", key, bytes(receipt.signature), signed);
    return good ? "good" : "bad";
  } catch (error) {
    return error instanceof DOMException && error.name === "NotSupportedError" ? "unknown" : "bad";
  }
}
