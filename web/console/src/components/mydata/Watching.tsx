import { Link } from "@tanstack/react-router";
import { formatClock, formatDate } from "../../lib/format";
import type { Look } from "../../lib/myData";
import { litPanes, rangesWords } from "../../lib/watching";
import { Panes } from "../Panes";
import { Person } from "../Person";
import { nameOf } from "./names";

/** Who is watching now, first of all. Whoever hears the page is told when that changes. */
export function Watching({ looks, mayOpen }: { looks: readonly Look[]; mayOpen: boolean }) {
  return (
    <div role="status" className="watching">
      {looks.map((look) => (
        <One key={look.viewer.play} look={look} mayOpen={mayOpen} />
      ))}
    </div>
  );
}

function One({ look: { recording, viewer }, mayOpen }: { look: Look; mayOpen: boolean }) {
  const last = viewer.ranges.at(-1);
  return (
    <section className="watch">
      <Person person={viewer.person} lit />
      <div className="grow">
        <h2>{viewer.person.name} is watching you, now</h2>
        <p>
          {nameOf(recording)}, recorded on {formatDate(recording.started_at)}.{" "}
          {last ? (
            <>
              Last told at <b className="num">{formatClock(last.to_us)}</b>.{" "}
            </>
          ) : (
            "No part is told yet. "
          )}
          Reason: <b>{viewer.reason ?? "none was asked for"}</b>.
        </p>
      </div>
      <Panes
        className="mini"
        states={litPanes(recording.panes, viewer.ranges, recording.duration_us)}
        label={rangesWords(viewer.ranges)}
      />
      {mayOpen && (
        <Link className="b" to="/recordings/$id" params={{ id: recording.id }} search={{}}>
          See it yourself
        </Link>
      )}
    </section>
  );
}
