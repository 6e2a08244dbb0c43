import { useQuery } from "@tanstack/react-query";
import { getSettingHistory } from "../../api/operations";
import type { SettingItem, SettingStep } from "../../api/types";
import { formatMoment } from "../../lib/format";
import { levelWords, lockWords, outcomeWords, strictWords, takesWords, valueWords } from "../../lib/settings";
import { explain } from "../States";

interface SettingFactsProps {
  setting: SettingItem;
  /** Null where it may not be changed. */
  onChange: (() => void) | null;
}

/** A rule whole: each place that says something of it, top first, and everything that was said before. */
export function SettingFacts({ setting, onChange }: SettingFactsProps) {
  const history = useQuery({
    queryKey: ["settings", "history", setting.name],
    queryFn: ({ signal }) => getSettingHistory(setting.name, signal),
  });
  return (
    <div className="rule-facts">
      <ol className="chain">
        <li>
          <b>{valueWords(setting.kind, setting.default)}</b>
          <span className="ink2">as the program comes</span>
        </li>
        {setting.steps.map((step) => (
          <Step key={`${step.place.level}${step.place.id}`} kind={setting.kind} step={step} />
        ))}
      </ol>
      <p className="small ink2">
        Takes {takesWords(setting)}. Said for {setting.levels.map(levelWords).join(", ")}.
        {setting.strict !== null && ` ${strictWords(setting.kind, setting.strict)} protects better.`}
      </p>
      {history.error && (
        <p className="ink2">What was said before could not be read. {explain(history.error).lines[0]}</p>
      )}
      {history.data && history.data.items.length > 0 && (
        <ul className="past">
          {history.data.items.map((past) => (
            <li key={past.version} className="small">
              <span className="num ink3">v{past.version}</span>{" "}
              <b>
                {past.readable
                  ? past.value === null
                    ? "nothing any more"
                    : valueWords(setting.kind, past.value)
                  : "not readable"}
              </b>{" "}
              for {levelWords(past.place.level)}, <span className="num">{formatMoment(past.set_at)}</span>
              {past.set_by && `, by ${past.set_by.name}`}
              {past.reason && `: ${past.reason}`}
            </li>
          ))}
        </ul>
      )}
      {onChange && (
        <p>
          <button type="button" className="b" onClick={onChange}>
            Change it…
          </button>
        </p>
      )}
    </div>
  );
}

function Step({ kind, step }: { kind: string; step: SettingStep }) {
  const lock = lockWords(step.lock);
  return (
    <li className={step.outcome === "holds" ? "holds" : undefined}>
      <b>{valueWords(kind, step.value)}</b>
      <span className="ink2">
        said for {levelWords(step.place.level)}
        {step.set_by && ` by ${step.set_by.name}`}
        {step.set_at && `, ${formatMoment(step.set_at)}`}: {outcomeWords(step.outcome)}
        {lock && `; ${lock}`}.{step.reason && ` “${step.reason}”`}
      </span>
    </li>
  );
}
