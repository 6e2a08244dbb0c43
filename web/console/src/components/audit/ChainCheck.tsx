import { useMutation } from "@tanstack/react-query";
import { verifyAudit } from "../../api/operations";
import type { AuditCheck } from "../../api/types";
import { formatCount } from "../../lib/format";
import { Icon } from "../Icon";
import { explain } from "../States";

/** Reads the whole chain again and says whether each entry follows from the one before. */
export function ChainCheck({ head }: { head: AuditCheck["head"] | null }) {
  const check = useMutation({ mutationFn: verifyAudit });
  return (
    <section className="chain-check" aria-label="The chain of entries">
      <div className="tools">
        <p className="ink2 grow">
          Each entry carries the hash of the one before. Newest: entry{" "}
          <b className="num">{head ? formatCount(head.number) : "…"}</b>{" "}
          {head && <code className="ink3 hash">{head.hash}</code>}
        </p>
        <button type="button" className="b" disabled={check.isPending} onClick={() => check.mutate()}>
          <Icon name="link" />
          {check.isPending ? "Checking every entry" : "Check the chain"}
        </button>
      </div>
      <div role="status">
        {check.data && <Result result={check.data} />}
        {check.error && (
          <p className="note danger">
            <Icon name="warn" />
            <span>The chain could not be checked. {explain(check.error).lines.join(" ")}</span>
          </p>
        )}
      </div>
    </section>
  );
}

function Result({ result }: { result: AuditCheck }) {
  const { checked, intact, head, first_break } = result;
  if (intact) {
    return (
      <p className="note live">
        <Icon name="check" />
        <span>
          <b className="num">{formatCount(checked)}</b> entries were read and computed again. Each follows
          from the one before, up to entry <b className="num">{formatCount(head.number)}</b>.
        </span>
      </p>
    );
  }
  return (
    <p className="note danger">
      <Icon name="warn" />
      <span>
        <b>
          The chain breaks at entry{" "}
          <span className="num">{first_break === null ? "?" : formatCount(first_break)}</span>.
        </b>{" "}
        {formatCount(checked)} entries before it are whole. Something outside Clerestory changed the database;
        compare it with a backup and keep both.
      </span>
    </p>
  );
}
