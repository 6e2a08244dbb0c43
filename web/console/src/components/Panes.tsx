import type { Pane } from "../api/types";

/** What a pane may show: the states the API sends, and those only the console adds. */
export type PaneState = Pane | "lit" | "hot" | "held" | "copper" | "bad";

const paneClass: Record<PaneState, string> = {
  a0: "",
  a1: "a1",
  a2: "a2",
  a3: "a3",
  a4: "a4",
  gap: "gap",
  cut: "cutx",
  now: "now",
  none: "none",
  lit: "lit",
  hot: "hot",
  held: "heldx",
  copper: "copper",
  bad: "bad",
};

export interface PanesProps {
  /** One state per equal slice of time, first to last. */
  states: readonly PaneState[];
  /** The row as a sentence. Leave it out only where the same words already stand beside the row. */
  label?: string;
  className?: string;
}

/** A row of windows: one pane is one equal slice of time, everywhere in the product. */
export function Panes({ states, label, className }: PanesProps) {
  const accessible = label === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": label };
  return (
    <span className={className ? `panes ${className}` : "panes"} {...accessible}>
      {states.map((state, index) => (
        // A pane is its place in time: the index is its identity.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <i key={index} className={paneClass[state]} />
      ))}
    </span>
  );
}
