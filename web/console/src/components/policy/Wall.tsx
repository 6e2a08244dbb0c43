import { type Piece, wallWindows } from "../../lib/wall";
import type { View } from "./PagePane";

interface WallProps {
  pieces: readonly Piece[];
  view: View;
  picked: Piece["rect"] | null;
}

/** A window for each stretch of the page: open with light through it, frosted, or shut. */
export function Wall({ pieces, view, picked }: WallProps) {
  const windows = wallWindows(pieces, view.height);
  const middle = picked ? picked.y + picked.height / 2 : null;
  return (
    <div className="wall bricks" aria-hidden="true">
      <div className="wf">
        {windows.map((window) => {
          const chosen = middle !== null && middle >= window.y - 3 && middle <= window.y + window.height + 3;
          return (
            <i
              key={window.y}
              className={`w ${window.decision}${chosen ? " pk" : ""}`}
              style={{ top: window.y * view.scale, height: window.height * view.scale }}
            />
          );
        })}
      </div>
    </div>
  );
}
