import { Link } from "@tanstack/react-router";
import type { AuditItem } from "../../api/types";
import { formatCount, formatMoment } from "../../lib/format";
import { actorWords } from "./columns";

/** One entry whole: what was decided, by which rule, and where it hangs in the chain. */
export function AuditEntry({ entry }: { entry: AuditItem }) {
  const { object, actor } = entry;
  return (
    <dl className="entry-facts">
      <dt>When</dt>
      <dd className="num">
        {formatMoment(entry.time)} <code className="ink3">{entry.time}</code>
      </dd>
      <dt>Who</dt>
      <dd>
        {actorWords(actor)} {actor.id && <code className="ink3">{actor.id}</code>}
      </dd>
      <dt>What</dt>
      <dd>
        <code>{entry.action}</code>
        {entry.class_uid !== null && (
          <span className="ink3">
            {" "}
            OCSF class {entry.class_uid}
            {entry.activity_id !== null && `, activity ${entry.activity_id}`}
          </span>
        )}
      </dd>
      {object && (
        <>
          <dt>On</dt>
          <dd>
            {object.label ?? object.kind} <ObjectLink object={object} />
          </dd>
        </>
      )}
      <Fact name="Rule that decided" value={entry.rule} code />
      <Fact name="Reason given" value={entry.reason} />
      <Fact name="In words" value={entry.detail} />
      <Fact name="Its words" value={goneWords(entry)} />
      <Fact name="Request" value={entry.request_id} code />
      <Fact name="Hash of the entry before" value={entry.previous_hash} code />
      <Fact name="Hash of this entry" value={entry.hash} code />
    </dl>
  );
}

/** That the words of an entry do not open any more, and why; null where they do, or it has none. */
export function goneWords({ words, forgotten_by }: Pick<AuditItem, "words" | "forgotten_by">): string | null {
  if (words === null) return null;
  if (words !== "forgotten")
    return "Lost: they do not open, and the log does not say that they were forgotten.";
  const by = forgotten_by === null ? "" : ` Entry ${formatCount(forgotten_by)} says when, and by which rule.`;
  return `Forgotten when their time was over.${by} The entry itself stands as it was written.`;
}

function Fact({ name, value, code = false }: { name: string; value: string | null; code?: boolean }) {
  if (value === null || value === "") return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{code ? <code>{value}</code> : value}</dd>
    </>
  );
}

function ObjectLink({ object }: { object: NonNullable<AuditItem["object"]> }) {
  if (object.id === null) return null;
  if (object.kind === "recording") {
    return (
      <Link className="link" to="/recordings/$id" params={{ id: object.id }} search={{}}>
        <code>{object.id}</code>
      </Link>
    );
  }
  if (object.kind === "site") {
    return (
      <Link className="link" to="/settings/sites/$id" params={{ id: object.id }}>
        <code>{object.id}</code>
      </Link>
    );
  }
  return <code className="ink3">{object.id}</code>;
}
