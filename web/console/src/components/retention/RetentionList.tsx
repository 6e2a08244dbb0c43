import type { SettingItem } from "../../api/types";
import { formatDate } from "../../lib/format";
import { keptWords } from "../../lib/retention";
import { levelWords, lockWords, noteWords, originOf, outcomeWords } from "../../lib/settings";
import { Icon } from "../Icon";

interface RetentionListProps {
  items: readonly SettingItem[];
  label: string;
  /** The level of the place they are shown for. */
  level: string;
  /** Null where they may not be changed. */
  onChange: ((setting: SettingItem) => void) | null;
}

/** Each kind of thing with the time it is kept here, and every place that says something of it. */
export function RetentionList({ items, label, level, onChange }: RetentionListProps) {
  return (
    <ul className="card lines kepts" aria-label={label}>
      {items.map((setting) => (
        <li key={setting.name}>
          <Icon name="clock" />
          <span className="grow">
            <b>{noteWords(setting).replace(/\.$/, "")}</b>
            <Origin setting={setting} />
          </span>
          <span className="kept-for">
            <b className="num">{keptWords(setting.value)}</b>
            {setting.doubtful && (
              <span className="tag danger">
                <Icon name="warn" />
                not readable
              </span>
            )}
          </span>
          {onChange && setting.levels.includes(level) && (
            <button
              type="button"
              className="b s"
              aria-label={`Change… ${setting.name}`}
              onClick={() => onChange(setting)}
            >
              Change…
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

/** Where the time comes from: one line, and where several places say something, all of them. */
function Origin({ setting }: { setting: SettingItem }) {
  // Each place may only say less than the one above: what holds is what the last of them says.
  const holding = setting.steps.map(({ outcome }) => outcome).lastIndexOf("holds");
  if (setting.steps.length === 0) return <span className="small ink2">{originOf(setting)}</span>;
  return (
    <ol className="from">
      <li className="small ink2">as the program comes: {keptWords(setting.default)}</li>
      {setting.steps.map((step, index) => {
        const lock = lockWords(step.lock);
        const holds = index === holding;
        const below = step.outcome === "holds" && !holds;
        return (
          <li key={`${step.place.level}${step.place.id}`} className={holds ? "small holds" : "small ink2"}>
            said for {levelWords(step.place.level)}: {keptWords(step.value)}
            {step.set_by && `, by ${step.set_by.name}`}
            {step.set_at && ` on ${formatDate(step.set_at)}`};{" "}
            {below ? "a nearer place says something else" : outcomeWords(step.outcome)}
            {lock && `; ${lock}`}.{step.reason && ` “${step.reason}”`}
          </li>
        );
      })}
    </ol>
  );
}
