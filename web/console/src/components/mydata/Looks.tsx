import { Link } from "@tanstack/react-router";
import type { AuditItem } from "../../api/types";
import { actionWords } from "../../lib/auditFilter";
import { formatDate, formatTime, plural } from "../../lib/format";
import { type Look, seenWords } from "../../lib/myData";
import { litPanes, rangesWords } from "../../lib/watching";
import { actorWords } from "../audit/columns";
import { Icon } from "../Icon";
import { Panes } from "../Panes";
import { Person } from "../Person";
import { nameOf } from "./names";

interface LooksProps {
  looks: readonly Look[];
  refused: readonly AuditItem[];
  own: string;
  mayOpen: boolean;
}

/** Everybody who looked, at which part and why; and those who tried and were refused. */
export function Looks({ looks, refused, own, mayOpen }: LooksProps) {
  return (
    <section className="card looked">
      <div className="sh">
        <h2 className="grow">Who looked, and at which part</h2>
        <span className="small ink3 num">{plural(looks.length, "look")}</span>
      </div>
      {looks.length === 0 && <p className="pad ink2">Nobody has looked at what shows you.</p>}
      <ol>
        {looks.map((look) => (
          <One key={look.viewer.play} look={look} own={own} mayOpen={mayOpen} />
        ))}
      </ol>
      {refused.length > 0 && (
        <>
          <h3 className="pad">Who tried and was refused</h3>
          <ul>
            {refused.map((entry) => (
              <Attempt key={entry.number} entry={entry} />
            ))}
          </ul>
        </>
      )}
      <p className="small ink3 ft">
        <Icon name="check" small />
        <span>
          Each look is an entry of the audit log, written before anything was shown. Gold is what they saw.
        </span>
      </p>
    </section>
  );
}

function One({ look: { recording, viewer }, own, mayOpen }: { look: Look; own: string; mayOpen: boolean }) {
  const now = viewer.ended_at === null;
  const name = nameOf(recording);
  return (
    <li className={now ? "lk now" : "lk"}>
      <Person person={viewer.person} lit={now} />
      <div className="lw">
        <b>{viewer.person.id === own ? "You" : viewer.person.name}</b>
        <span className="small ink2">
          {mayOpen ? (
            <Link className="link" to="/recordings/$id" params={{ id: recording.id }} search={{}}>
              {name}
            </Link>
          ) : (
            name
          )}
          , {formatDate(recording.started_at)}
        </span>
      </div>
      <Panes
        className="mini"
        states={litPanes(recording.panes, viewer.ranges, recording.duration_us)}
        label={rangesWords(viewer.ranges)}
      />
      <div className="lt num">
        <span>{now ? "now" : `${formatDate(viewer.started_at)} ${formatTime(viewer.started_at)}`}</span>
        <span className="small ink3">{seenWords(viewer)}</span>
      </div>
      <p className="ly small">{viewer.reason ?? <span className="ink3">no reason was asked for</span>}</p>
    </li>
  );
}

function Attempt({ entry }: { entry: AuditItem }) {
  return (
    <li className="lk no">
      <Icon name="blind" />
      <div className="lw">
        <b>{actorWords(entry.actor)}</b>
        <span className="small ink2">{actionWords(entry.action)}</span>
      </div>
      <span className="tag line">refused, nothing seen</span>
      <div className="lt num">
        <span>
          {formatDate(entry.time)} {formatTime(entry.time)}
        </span>
      </div>
    </li>
  );
}
