import { useState } from "react";
import { eventLines } from "../../lib/eventText";
import type { PreviewState } from "../../lib/preview";
import { Panes } from "../Panes";
import { LeavesPicture } from "./LeavesPicture";

/** What would leave the device under the draft: as a picture drawn from the events, or the events themselves. */
export function LeavesPane({ state, origin }: { state: PreviewState; origin: string }) {
  const [as, setAs] = useState<"picture" | "events">("picture");
  const silent = state.url === null;
  return (
    <section className="pane right" aria-label="What leaves the device">
      <header>
        <h2>What leaves the device</h2>
        <span className="grow" />
        <span className="seg">
          <button type="button" aria-pressed={as === "picture"} onClick={() => setAs("picture")}>
            Picture
          </button>
          <button type="button" aria-pressed={as === "events"} onClick={() => setAs("events")}>
            Events
          </button>
        </span>
      </header>
      <div className="fit">
        {state.denied && <Denied path={state.url ?? "/"} />}
        {silent && <Waiting origin={origin} />}
        {!state.denied && !silent && as === "picture" && <LeavesPicture state={state} />}
        {!state.denied && as === "events" && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
          <pre className="evs" tabIndex={0}>
            {eventLines(state.events).join("\n")}
          </pre>
        )}
      </div>
    </section>
  );
}

function Denied({ path }: { path: string }) {
  return (
    <div className="st slim">
      <Panes className="st-w" states={["gap", "gap", "gap", "gap", "gap", "gap", "gap", "gap", "gap"]} />
      <h2>Nothing leaves from this page</h2>
      <p>
        The draft's URL rules deny <code>{path}</code>. In a recording it is a gap with that reason.
      </p>
    </div>
  );
}

function Waiting({ origin }: { origin: string }) {
  return (
    <div className="st slim">
      <Panes
        className="st-w"
        states={["none", "none", "none", "none", "none", "none", "none", "none", "none"]}
      />
      <p>
        Waiting for the page at <code>{origin}</code>.
      </p>
    </div>
  );
}
