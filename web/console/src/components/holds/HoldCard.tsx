import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Hold, HoldChange } from "../../api/keeping";
import { formatMoment, plural } from "../../lib/format";
import {
  changeWords,
  history,
  offers,
  pending,
  reviewDue,
  reviewWords,
  scopeWords,
  waitsFor,
} from "../../lib/holds";
import { Icon } from "../Icon";

interface HoldCardProps {
  hold: Hold;
  /** The person who looks at it. */
  me: string;
  now: Date;
  /** The name of what it covers, where it is known. */
  covers: string | null;
  /** Null where nothing may be decided. */
  onChange: ((change: HoldChange) => void) | null;
}

/** One hold: what it covers and why, what was decided by whom, for whom it waits, and what can be done. */
export function HoldCard({ hold, me, now, covers, onChange }: HoldCardProps) {
  const waits = waitsFor(hold, me);
  return (
    <article className="card hold" aria-label={`Hold for ${hold.matter}`}>
      <header className="sh">
        <Icon name="hold" />
        <h3 className="grow">{hold.matter}</h3>
        <HoldTag hold={hold} />
      </header>
      <div className="pad">
        <p>
          <b>{scopeWords(hold.scope)}</b>
          {covers !== null && `, ${covers}`} <Target hold={hold} />
          {hold.keys > 0 && <span className="ink2">, {plural(hold.keys, "key is", "keys are")} pinned</span>}
        </p>
        <p className="ink2">“{hold.reason}”</p>
        <ol className="decided small ink2">
          {history(hold).map(({ what, who, at }) => (
            <li key={what}>
              {what} by {who}, <span className="num">{formatMoment(at)}</span>
            </li>
          ))}
        </ol>
        {hold.ended === null && (
          <p className={reviewDue(hold, now) ? "small soon" : "small ink2"}>{reviewWords(hold, now)}</p>
        )}
        {waits !== null && (
          <p className="note attn">
            <Icon name="people" />
            <span>{waits}</span>
          </p>
        )}
        {onChange && <Offers hold={hold} me={me} onChange={onChange} />}
      </div>
    </article>
  );
}

function Offers({
  hold,
  me,
  onChange,
}: Pick<HoldCardProps, "hold" | "me"> & { onChange: (change: HoldChange) => void }) {
  const all = offers(hold, me);
  if (all.length === 0) return null;
  return (
    <div className="row">
      {all.map((change) => (
        <button
          key={change}
          type="button"
          className={change === "confirm" ? "b s lead" : "b s"}
          aria-label={`${changeWords[change].verb}… ${hold.matter}`}
          onClick={() => onChange(change)}
        >
          {changeWords[change].verb}…
        </button>
      ))}
    </div>
  );
}

const stands = (words: string): ReactNode => (
  <span className="tag held">
    <Icon name="hold" />
    {words}
  </span>
);

export function HoldTag({ hold }: { hold: Hold }) {
  switch (hold.state) {
    case "proposed":
      return (
        <span className="tag attn">
          <Icon name="clock" />
          proposed
        </span>
      );
    case "standing":
      return stands("holds");
    case "release_proposed":
      return stands("holds, release proposed");
    default:
      return <span className="tag line">{pending(hold) === null ? hold.state : "waits"}</span>;
  }
}

/** Where what it covers can be looked at. */
function Target({ hold }: { hold: Hold }) {
  switch (hold.scope) {
    case "recording":
      return (
        <Link className="link" to="/recordings/$id" params={{ id: hold.target }} search={{}}>
          <code>{hold.target}</code>
        </Link>
      );
    case "site":
      return (
        <Link className="link" to="/settings/sites/$id" params={{ id: hold.target }}>
          <code>{hold.target}</code>
        </Link>
      );
    case "subject":
      return <code>{hold.target}</code>;
    default:
      return null;
  }
}
