import { describe, expect, it } from "vitest";
import { type Piece, wallWindows } from "./wall";

const piece = (y: number, height: number, decision: Piece["decision"], width = 100): Piece => ({
  rect: { x: 0, y, width, height },
  decision,
});

describe("the wall", () => {
  it("has no window where nothing is", () => expect(wallWindows([], 520)).toEqual([]));

  it("joins neighbouring bands of one decision, and ends a window that grows too tall", () => {
    const [first, second] = wallWindows([piece(0, 26 * 7, "masked")], 520);
    expect(first).toEqual({ y: 3, height: 26 * 5 - 6, decision: "mask" });
    expect(second?.height).toBe(26 * 2 - 6);
  });

  it("shuts a band in which anything is excluded, however small", () => {
    const windows = wallWindows([piece(0, 26, "shown", 900), piece(0, 26, "excluded", 10)], 26);
    expect(windows.map((window) => window.decision)).toEqual(["shut"]);
  });

  it("lets light through where more is shown than masked", () => {
    const windows = wallWindows([piece(0, 26, "shown", 300), piece(0, 26, "masked", 100)], 26);
    expect(windows.map((window) => window.decision)).toEqual(["show"]);
  });

  it("lets texts speak before the pictures among them", () => {
    const pieces = [piece(0, 52, "blocked", 900), piece(26, 26, "masked", 50)];
    expect(wallWindows(pieces, 52).map((window) => window.decision)).toEqual(["shut", "mask"]);
  });

  it("leaves out what lies below the visible page", () => {
    expect(wallWindows([piece(600, 40, "shown")], 520)).toEqual([]);
  });
});
