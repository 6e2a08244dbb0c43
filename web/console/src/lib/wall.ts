/** The wall between the page and what leaves it: a window for each stretch that is decided alike. */

export interface Piece {
  rect: { x: number; y: number; width: number; height: number };
  decision: "shown" | "masked" | "excluded" | "blocked";
}

export interface WallWindow {
  /** From the top of the visible page, in its own CSS pixels. */
  y: number;
  height: number;
  decision: "show" | "mask" | "shut";
}

const BAND = 26;
const MOST_BANDS = 5;

/**
 * Cuts the height into bands and gives each the decision that matters most in it: what is excluded wins,
 * then whichever of shown and masked covers more, then pictures. Bands next to each other with one decision
 * are one window.
 */
export function wallWindows(pieces: readonly Piece[], height: number): WallWindow[] {
  const bands = Math.max(0, Math.floor(height / BAND));
  const windows: (WallWindow & { bands: number; end: number })[] = [];
  for (let band = 0; band < bands; band += 1) {
    const decision = decide(pieces, band * BAND, (band + 1) * BAND);
    const last = windows.at(-1);
    if (decision === null) continue;
    if (last && last.decision === decision && last.end === band && last.bands < MOST_BANDS) {
      last.height += BAND;
      last.bands += 1;
      last.end = band + 1;
    } else {
      windows.push({ y: band * BAND + 3, height: BAND - 6, decision, bands: 1, end: band + 1 });
    }
  }
  return windows.map(({ y, height: h, decision }) => ({ y, height: h, decision }));
}

function decide(pieces: readonly Piece[], from: number, to: number): WallWindow["decision"] | null {
  const area = { show: 0, mask: 0, shut: 0 };
  let excluded = false;
  for (const { rect, decision } of pieces) {
    const overlap = Math.min(to, rect.y + rect.height) - Math.max(from, rect.y);
    if (overlap <= 4 || rect.width <= 0) continue;
    const kind = decision === "shown" ? "show" : decision === "masked" ? "mask" : "shut";
    area[kind] += overlap * rect.width;
    if (decision === "excluded") excluded = true;
  }
  if (excluded) return "shut";
  if (area.show === 0 && area.mask === 0) return area.shut > 0 ? "shut" : null;
  // Pictures are large: a placeholder among texts does not speak for the texts.
  return area.show >= area.mask ? "show" : "mask";
}
