import type { PolicyDocument } from "../../api/types";
import { type Way, wayOf, withRule } from "../../lib/policyDraft";
import type { Picked as PickedElement } from "../../lib/preview";

interface PickedProps {
  picked: PickedElement | null;
  draft: PolicyDocument;
  /** The selector a way is chosen for. */
  rule: string;
  onRule: (rule: string) => void;
  onDraft: (draft: PolicyDocument) => void;
}

const ways: readonly { way: Way; name: string; says: string; pane: string }[] = [
  { way: "exclude", name: "Exclude", says: "Never read. Only place and size leave.", pane: "shut" },
  { way: "mask", name: "Mask", says: "Leaves as filler, its length hidden.", pane: "mask" },
  { way: "unmask", name: "Show", says: "Leaves as it is. This is looser.", pane: "show" },
];

/** What was picked in the page, its ancestors, and what happens to it. */
export function Picked({ picked, draft, rule, onRule, onDraft }: PickedProps) {
  const selector = rule.trim();
  const chosen = selector === "" ? null : wayOf(draft, selector);
  return (
    <section>
      <h2>Picked</h2>
      {picked ? (
        <Path picked={picked} rule={selector} onRule={onRule} />
      ) : (
        <p className="small ink2">Press Pick and click something in the page, or write a rule here.</p>
      )}
      <fieldset className="ways" disabled={selector === ""}>
        <legend className="vh">What happens to it</legend>
        {ways.map((one) => (
          <label key={one.way}>
            <input
              type="radio"
              name="way"
              checked={chosen === one.way}
              onChange={() => onDraft(withRule(draft, selector, one.way))}
            />
            <i className={`w ${one.pane}`} />
            <span>
              <b>{one.name}</b>
              <small>{one.says}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="row sel">
        <span className="small ink2">Rule</span>
        <label className="field grow">
          <input
            aria-label="Selector of the rule"
            className="mono"
            value={rule}
            maxLength={200}
            spellCheck={false}
            onChange={(event) => onRule(event.target.value)}
          />
        </label>
      </div>
      {chosen === null && selector !== "" && (
        <p className="small ink3">
          No rule is written for it; the nearest rule around it, or the preset, decides.
        </p>
      )}
    </section>
  );
}

/** The way down to the element, outermost first; each step can be the rule instead. */
function Path({
  picked,
  rule,
  onRule,
}: {
  picked: PickedElement;
  rule: string;
  onRule: (rule: string) => void;
}) {
  const steps = [...picked.path].reverse().slice(-4);
  return (
    <p className="path">
      {steps.map((step, index) => (
        <span key={step.selector}>
          {index > 0 && <i aria-hidden="true">› </i>}
          <button
            type="button"
            aria-current={step.selector === rule ? "true" : undefined}
            onClick={() => onRule(step.selector)}
          >
            {step.label}
          </button>
        </span>
      ))}
    </p>
  );
}
