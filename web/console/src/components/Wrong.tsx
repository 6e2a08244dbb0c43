import { ApiError } from "../api/client";
import { Icon } from "./Icon";
import { explain } from "./States";

/** Why something was not done, with what is wrong in which field. */
export function Wrong({ error, what }: { error: Error; what: string }) {
  const errors = error instanceof ApiError ? error.problem.errors : [];
  return (
    <div className="note danger" role="alert">
      <Icon name="warn" />
      <div>
        <b>{what}</b>
        {explain(error).lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
        {errors.map((line) => (
          <p key={`${line.path} ${line.message}`}>
            <code>{line.path}</code> {line.message}
          </p>
        ))}
      </div>
    </div>
  );
}
