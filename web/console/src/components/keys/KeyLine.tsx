import type { KeyItem } from "../../api/keys";
import { keyEnd, scopeWords } from "../../lib/apiKeys";
import { ago, formatDate, formatMoment, timeLeft } from "../../lib/format";
import { Icon } from "../Icon";

export type KeyChange = "rotate" | "end";

interface KeyLineProps {
  item: KeyItem;
  now: Date;
  /** Null where keys may not be changed. */
  onChange: ((change: KeyChange) => void) | null;
}

/** One key without what it is: what it may do, by whom it was made, when it was used, when it ends. */
export function KeyLine({ item, now, onChange }: KeyLineProps) {
  const used = item.last_used_at === null ? "never used" : `used ${ago(item.last_used_at, now)}`;
  return (
    <li>
      <Icon name="key" />
      <span className="grow">
        <b>{item.name}</b>
        <span className="small ink2">May {item.scopes.map(scopeWords).join("; ")}.</span>
        <span className="small ink3 num">
          Made by {item.made_by.name} on {formatDate(item.made_at)}, {used}, ends{" "}
          {formatMoment(item.expires_at)}
        </span>
      </span>
      <End item={item} now={now} />
      {onChange && (
        <span className="row">
          <button
            type="button"
            className="b s"
            aria-label={`Make anew… ${item.name}`}
            onClick={() => onChange("rotate")}
          >
            Make anew…
          </button>
          <button
            type="button"
            className="b s end"
            aria-label={`End… ${item.name}`}
            onClick={() => onChange("end")}
          >
            End…
          </button>
        </span>
      )}
    </li>
  );
}

function End({ item, now }: Pick<KeyLineProps, "item" | "now">) {
  switch (keyEnd(item, now)) {
    case "ended":
      return (
        <span className="tag danger">
          <Icon name="warn" />
          has ended
        </span>
      );
    case "soon":
      return (
        <span className="tag attn">
          <Icon name="clock" />
          ends in {timeLeft(item.expires_at, now).text}
        </span>
      );
    case "later":
      return null;
  }
}
