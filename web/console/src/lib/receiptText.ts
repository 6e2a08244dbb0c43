/** What the signed text of a receipt says, as far as the console shows it. */
import * as v from "valibot";

const Text = v.object({
  keys: v.array(v.string()),
  objects: v.number(),
  assurance_means: v.string(),
});

export interface ReceiptText {
  keys: number;
  objects: number;
  /** How sure it is, and what would defeat it, in a sentence. */
  assurance: string;
}

/** Null for a text of another shape: the file itself is still what counts. */
export function readReceipt(text: string): ReceiptText | null {
  try {
    const parsed = v.safeParse(Text, JSON.parse(text));
    if (!parsed.success) return null;
    const { keys, objects, assurance_means } = parsed.output;
    return { keys: keys.length, objects, assurance: assurance_means };
  } catch {
    return null;
  }
}
