import type { AuditItem } from "../../api/types";
import { actionWords } from "../../lib/auditFilter";
import { formatCount, formatDate, formatTime, shorten } from "../../lib/format";
import type { Column } from "../DataTable";
import { Icon } from "../Icon";

/** Who acted, in words: a person by name, everything else by its kind. */
export function actorWords(actor: AuditItem["actor"]): string {
  if (actor.name !== null) return actor.kind === "site" ? `site ${actor.name}` : actor.name;
  if (actor.kind === "recorder") return "a browser that records a screen";
  if (actor.kind === "system") return "Clerestory itself";
  if (actor.kind === "anonymous") return "somebody not signed in";
  return actor.id ?? actor.kind;
}

export function Outcome({ outcome }: { outcome: string }) {
  if (outcome === "refused") {
    return (
      <span className="tag attn">
        <Icon name="blind" />
        refused
      </span>
    );
  }
  if (outcome === "failed") {
    return (
      <span className="tag danger">
        <Icon name="warn" />
        failed
      </span>
    );
  }
  return (
    <span className="tag">
      <Icon name="check" />
      {outcome}
    </span>
  );
}

function ObjectCell({ object }: { object: AuditItem["object"] }) {
  if (object === null) return <span className="ink3">nothing in particular</span>;
  return (
    <span className="clip">
      {object.label ?? object.kind} {object.id && <code className="ink3">{shorten(object.id, 8, 4)}</code>}
    </span>
  );
}

export const auditColumns: readonly Column<AuditItem>[] = [
  { id: "number", head: "Entry", kind: "num", cell: (entry) => <b>{formatCount(entry.number)}</b> },
  {
    id: "time",
    head: "When",
    cell: (entry) => (
      <span className="num nowrap">
        {formatTime(entry.time, true)} <span className="ink3 small">{formatDate(entry.time)}</span>
      </span>
    ),
  },
  {
    id: "actor",
    head: "Who",
    kind: "aside",
    cell: (entry) => <span className="nowrap">{actorWords(entry.actor)}</span>,
  },
  {
    id: "what",
    head: "What, and on what",
    kind: "wide",
    cell: (entry) => (
      <span className="what">
        <b>{actionWords(entry.action)}</b> <ObjectCell object={entry.object} />
      </span>
    ),
  },
  { id: "outcome", head: "Answer", cell: (entry) => <Outcome outcome={entry.outcome} /> },
  {
    id: "rule",
    head: "Rule",
    kind: "aside",
    cell: (entry) => (entry.rule ? <code className="ink2 clip rulecell">{entry.rule}</code> : null),
  },
];
