import { directionSentence } from "../../lib/policyDraft";
import { CodeText } from "../CodeText";
import { explain } from "../States";
import type { Check } from "./useCheck";

const marks = { add: "+", remove: "−", change: "~" } as const;
const spoken = { add: "Added:", remove: "Removed:", change: "Changed:" } as const;

/** What a draft changes, line by line, and in which direction. */
export function Changes({ check }: { check: Check }) {
  if (check.error) {
    return <p className="diff">The draft could not be checked. {explain(check.error).lines.join(" ")}</p>;
  }
  if (!check.result) return <p className="diff ink2">The draft is being checked.</p>;
  const { changes, direction, errors } = check.result;
  return (
    <div className="diff" role="status">
      {changes.map((change) => (
        <p key={`${change.kind} ${change.text}`}>
          <b aria-hidden="true">{marks[change.kind]}</b>
          <span className="vh">{spoken[change.kind]}</span> <CodeText text={change.text} />
        </p>
      ))}
      {errors.map((error) => (
        <p key={`${error.path} ${error.message}`} className="bad">
          <code>{error.path}</code> {error.message}
        </p>
      ))}
      <p className="small ink2">
        {errors.length > 0 ? "It cannot be signed like this." : directionSentence(direction)}
      </p>
    </div>
  );
}
