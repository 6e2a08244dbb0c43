import { type FormEvent, useId, useState } from "react";
import { ApiError } from "../../api/client";
import { type OriginProblem, parseOrigins } from "../../lib/origins";
import { Icon } from "../Icon";
import { explain } from "../States";

interface SiteFormProps {
  name: string;
  origins: readonly string[];
  submit: string;
  busy: boolean;
  error: Error | null;
  onSubmit: (site: { name: string; origins: string[] }) => void;
  onCancel: () => void;
}

/** Name and allowed origins of a site, for making one and for changing one. */
export function SiteForm(props: SiteFormProps) {
  const [problems, setProblems] = useState<OriginProblem[]>([]);
  const [none, setNone] = useState(false);
  const id = useId();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const parsed = parseOrigins(String(form.get("origins") ?? ""));
    setProblems(parsed.problems);
    setNone(parsed.origins.length === 0 && parsed.problems.length === 0);
    if (parsed.problems.length > 0 || parsed.origins.length === 0) return;
    props.onSubmit({ name: String(form.get("name") ?? "").trim(), origins: parsed.origins });
  };
  const wrong = problems.length > 0 || none;
  return (
    <form className="sform" onSubmit={submit} noValidate={false}>
      <div className="fld">
        <label htmlFor={`${id}-name`}>Name</label>
        <input
          className="in"
          id={`${id}-name`}
          name="name"
          defaultValue={props.name}
          required
          maxLength={80}
        />
      </div>
      <div className="fld">
        <label htmlFor={`${id}-origins`}>Allowed origins</label>
        <textarea
          className="in code"
          id={`${id}-origins`}
          name="origins"
          rows={3}
          defaultValue={props.origins.join("\n")}
          aria-describedby={`${id}-help`}
          aria-invalid={wrong}
          spellCheck={false}
        />
        <span className="help" id={`${id}-help`}>
          One a line, with scheme: <code>https://shop.example</code>. Recordings from anywhere else are
          refused.
        </span>
        <div role="alert">
          {none && <span className="err">Name at least one origin.</span>}
          {problems.map((problem) => (
            <span className="err" key={problem.line}>
              <code>{problem.line}</code> {problem.why}.
            </span>
          ))}
        </div>
      </div>
      {props.error && <Failure error={props.error} />}
      <div className="actions">
        <button type="button" className="b" onClick={props.onCancel}>
          Cancel
        </button>
        <button type="submit" className="b lead" disabled={props.busy}>
          {props.submit}
        </button>
      </div>
    </form>
  );
}

function Failure({ error }: { error: Error }) {
  const told = explain(error);
  const errors = error instanceof ApiError ? error.problem.errors : [];
  return (
    <div className="note danger" role="alert">
      <Icon name="warn" />
      <div>
        {told.lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
        {errors.map((line) => (
          <p key={line.path}>
            <code>{line.path}</code> {line.message}
          </p>
        ))}
      </div>
    </div>
  );
}
