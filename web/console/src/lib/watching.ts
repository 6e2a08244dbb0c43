/** Which panes were lit by a look. */
import type { Pane } from "../api/types";
import type { PaneState } from "../components/Panes";
import { formatClock } from "./format";

export interface Range {
  from_us: number;
  to_us: number;
}

/** The row with those panes lit that a range touches. Gaps and what was taken out stay dark: nothing was there to see. */
export function litPanes(panes: readonly Pane[], ranges: readonly Range[], durationUs: number): PaneState[] {
  if (durationUs <= 0 || panes.length === 0) return [...panes];
  const slice = durationUs / panes.length;
  return panes.map((pane, index) => {
    if (pane === "gap" || pane === "cut" || pane === "none") return pane;
    const from = index * slice;
    const seen = ranges.some((range) => range.from_us < from + slice && range.to_us > from);
    return seen ? "lit" : pane;
  });
}

/** The ranges as a sentence. */
export function rangesWords(ranges: readonly Range[]): string {
  if (ranges.length === 0) return "Opened, and no part was played.";
  return `Seen: ${ranges.map((range) => `${formatClock(range.from_us)} to ${formatClock(range.to_us)}`).join(", ")}.`;
}
