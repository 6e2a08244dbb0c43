import { useState } from "react";
import type { SupportItem } from "../../api/support";
import { formatDate, formatTime } from "../../lib/format";
import { rightName } from "../../lib/roles";
import { endWords, leftToRun, untilWords } from "../../lib/support";
import { Icon } from "../Icon";
import { Person } from "../Person";
import { Acts } from "./Acts";
import { EndButton } from "./EndButton";

interface GrantCardProps {
  item: SupportItem;
  now: Date;
  mayEnd: boolean;
}

/** One grant: who, what, where, why and until when; and what they did. */
export function GrantCard({ item, now, mayEnd }: GrantCardProps) {
  const [open, setOpen] = useState(item.running);
  return (
    <li className={item.running ? "card grant running" : "card grant"}>
      <div className="sh">
        <Person person={item.person} lit={item.running} />
        <h3 className="grow">{item.person.name}</h3>
        {item.running ? (
          <span className="tag attn">
            <Icon name="clock" />
            {leftToRun(item.ends_at, now)} left
          </span>
        ) : (
          <span className="tag">over</span>
        )}
        {item.running && mayEnd && <EndButton item={item} />}
      </div>
      <dl className="pad grant-facts">
        <dt>May</dt>
        <dd>{item.rights.map(rightName).join("; ")}</dd>
        <dt>Where</dt>
        <dd>{item.node?.name ?? "in the whole organisation"}</dd>
        <dt>Why</dt>
        <dd>{item.reason ?? <span className="ink3">It cannot be opened any more.</span>}</dd>
        <dt>Let in</dt>
        <dd>
          by {item.made_by.name}, {formatDate(item.begins_at)}, {formatTime(item.begins_at)}; it{" "}
          {item.running ? `ends at ${untilWords(item.ends_at, now)}` : endWords(item)}
        </dd>
      </dl>
      {item.running && !item.came && <p className="pad ink2">They have not come yet.</p>}
      <div className="grant-acts">
        <button
          type="button"
          className="b s"
          aria-expanded={open}
          onClick={() => setOpen((before) => !before)}
        >
          {open ? "Hide what they did" : "See what they did"}
        </button>
        {open && <Acts item={item} />}
      </div>
    </li>
  );
}
