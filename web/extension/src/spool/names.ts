/** How a sealed segment's file is called. The name says all that is known of it without opening it. */

export type Kind = "video" | "audio" | "actions";
export const KINDS: readonly Kind[] = ["video", "audio", "actions"];

export interface SegmentName {
  readonly kind: Kind;
  readonly sequence: number;
  readonly policyVersion: number;
  /** What it is about, in milliseconds since 1970 by the device's clock. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** At the end of the name of a file that is being written. */
export const UNFINISHED = ".writing";

const NAME = /^(video|audio|actions)-(\d{12})-(\d+)-(\d+)-(\d+)\.sealed$/;

export const segmentName = ({ kind, sequence, policyVersion, fromMs, toMs }: SegmentName): string =>
  `${kind}-${String(sequence).padStart(12, "0")}-${policyVersion}-${fromMs}-${toMs}.sealed`;

/** `null` for a file that is not a segment, or was not written to its end. */
export function readSegmentName(name: string): SegmentName | null {
  const parts = NAME.exec(name);
  if (!parts) return null;
  const [, kind, ...numbers] = parts;
  const [sequence = 0, policyVersion = 0, fromMs = 0, toMs = 0] = numbers.map(Number);
  return { kind: kind as Kind, sequence, policyVersion, fromMs, toMs };
}

/** Oldest first, and of one age the pictures first. */
export const byAge = (a: SegmentName, b: SegmentName): number =>
  a.fromMs - b.fromMs || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.sequence - b.sequence;
