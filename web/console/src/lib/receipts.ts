import type { Receipt } from "../api/types";

/** As a play names its size, and as the view inside does. */
type Segment = { readonly sequence: number } & (
  | { readonly size_bytes: number }
  | { readonly length: number }
);

const sizeOf = (segment: Segment): number => ("length" in segment ? segment.length : segment.size_bytes);

/**
 * The track a received batch lies in. Every tab numbers its own from 0, so where several tabs have the number, the size
 * decides; where that does not either, nothing is said rather than another tab's batch shown.
 */
export function trackOf<T extends { readonly segments: readonly Segment[] }>(
  tracks: readonly T[],
  receipt: Pick<Receipt, "sequence" | "bytes_stored">,
): T | null {
  const having = (fits: (segment: Segment) => boolean) =>
    tracks.filter(({ segments }) => segments.some((one) => one.sequence === receipt.sequence && fits(one)));
  const numbered = having(() => true);
  const found =
    numbered.length > 1 ? having((segment) => sizeOf(segment) === receipt.bytes_stored) : numbered;
  return found.length === 1 ? (found[0] ?? null) : null;
}
