import { useIsFetching, useQuery } from "@tanstack/react-query";
import { previewRetention } from "../../api/keeping";
import { checkMove } from "../../api/operations";
import { useAllowed } from "../../api/session";
import type { Effects } from "../../api/types";
import { kindOf, type Shortened, shortened } from "../../lib/moves";
import { dueSentence } from "../../lib/retention";
import { levelWords, valueWords } from "../../lib/settings";
import { Icon } from "../Icon";
import { explain } from "../States";
import "../../styles/rules.css";

interface MoveEffectProps {
  /** What would be moved: a project, a team or a person. */
  node: string;
  /** Where it would hang; from the organisation itself where there is nothing. */
  to: string | null;
}

const QUERY = ["settings", "move"];

/** Whether what a move would make other is still being looked at: until then it is not made. */
export const useLooking = () => useIsFetching({ queryKey: QUERY }) > 0;

/** What a move would make other, before it is made: rules, and what would be erased. Nothing is moved by looking. */
export function MoveEffect({ node, to }: MoveEffectProps) {
  const mayRead = useAllowed("setting.read");
  const check = useQuery({
    queryKey: [...QUERY, node, to],
    queryFn: ({ signal }) => checkMove(node, to, signal),
    enabled: mayRead,
  });
  if (!mayRead) {
    return (
      <p className="note">You may not read rules, so it cannot be said what this would change of them.</p>
    );
  }
  if (check.error) {
    return (
      <p className="note attn" role="alert">
        <Icon name="warn" />
        <span>What this would change could not be asked. {explain(check.error).lines[0]}</span>
      </p>
    );
  }
  if (!check.data) return <p className="ink2">Looking at what it would change…</p>;
  return <Changes effects={check.data} />;
}

function Changes({ effects }: { effects: Effects }) {
  if (effects.items.length === 0) {
    return (
      <p className="note">
        <Icon name="check" />
        <span>Every rule says the same there.</span>
      </p>
    );
  }
  return (
    <>
      {effects.loosens && (
        <p className="note attn">
          <Icon name="warn" />
          <span>
            <b>This protects people less than now.</b> It is on record who moved it.
          </span>
        </p>
      )}
      <ul className="effects">
        {effects.items.map(({ place, name, before, after, looser }) => (
          <li key={`${place.level}${place.id}${name}`}>
            <code>{name}</code> <span className="ink2">for {levelWords(place.level)}</span>{" "}
            <b>
              {valueWords(kindOf(before), before)} <Icon name="chevr" small />{" "}
              {valueWords(kindOf(after), after)}
            </b>
            {looser && <span className="tag attn">looser</span>}
          </li>
        ))}
      </ul>
      {shortened(effects).map((one) => (
        <Due key={`${one.project}${one.class}`} {...one} />
      ))}
      <label className="row">
        <input type="checkbox" required />
        <span>I have read what changes</span>
      </label>
    </>
  );
}

/** How much is older than a time that would be shorter. */
function Due({ project, class: kept, days }: Shortened) {
  const mayLook = useAllowed("retention.read");
  const due = useQuery({
    queryKey: ["retention", "preview", project, kept, days],
    queryFn: () => previewRetention({ project, class: kept, days }),
    enabled: mayLook,
  });
  const newly = due.data?.items[0]?.newly_due;
  return (
    <p className={newly === 0 ? "note" : "note danger"}>
      <Icon name={newly === 0 ? "check" : "warn"} />
      <span>
        <code>retention.{kept}</code> gets shorter.{" "}
        {newly === undefined
          ? "What is older than that is queued to be erased with the next sweep, and does not come back."
          : dueSentence(newly)}
        {due.error && ` How much that is could not be counted. ${explain(due.error).lines[0]}`}
      </span>
    </p>
  );
}
