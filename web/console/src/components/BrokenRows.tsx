import type { Broken } from "../api/rows";
import { plural } from "../lib/format";
import { Icon } from "./Icon";

interface BrokenRowsProps {
  rows: readonly Broken[];
  /** What one row is, and several are. */
  one: string;
  many: string;
}

/** Says which rows of a list could not be read. The others stand as they are. */
export function BrokenRows({ rows, one, many }: BrokenRowsProps) {
  if (rows.length === 0) return null;
  const ids = rows.map(({ id }) => id).filter((id) => id !== null);
  return (
    <p className="note attn stale" role="status">
      <Icon name="warn" />
      <span>
        {plural(rows.length, one, many)} cannot be shown: what is kept of {rows.length === 1 ? "it" : "them"}{" "}
        cannot be opened, or does not fit this console.{" "}
        {ids.map((id) => (
          <code key={id}>{id} </code>
        ))}
      </span>
    </p>
  );
}
