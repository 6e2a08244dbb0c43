import type { AuditItem } from "../../api/types";
import { type AuditSearch, actionWords, OUTCOMES, type Outcome } from "../../lib/auditFilter";
import { PERIODS, type Period, periodWords } from "../../lib/filters";
import { FilterBar } from "../FilterBar";
import { type Choice, WordPicker } from "../Menu";

const ANY = "any";

interface AuditSentenceProps {
  search: AuditSearch;
  /** The entries on the screen: their actions and people are what can be chosen between. */
  items: readonly AuditItem[];
  shown: string;
  onChange: (search: AuditSearch) => void;
}

function actions(items: readonly AuditItem[], chosen: string | undefined): Choice[] {
  const found = new Set(items.map((entry) => entry.action));
  if (chosen !== undefined) found.add(chosen);
  return [
    { id: ANY, text: "every action" },
    ...[...found].sort().map((action) => ({ id: action, text: actionWords(action), note: action })),
  ];
}

function people(items: readonly AuditItem[], chosen: string | undefined): Choice[] {
  const found = new Map<string, string>();
  for (const { actor } of items) if (actor.id !== null) found.set(actor.id, actor.name ?? actor.id);
  if (chosen !== undefined && !found.has(chosen)) found.set(chosen, chosen);
  return [{ id: ANY, text: "everyone" }, ...[...found].map(([id, text]) => ({ id, text }))];
}

/** A search with one part replaced; the entry that stood open is closed. */
function replaced(search: AuditSearch, key: keyof AuditSearch, value: string): AuditSearch {
  const { entry: _closed, [key]: _old, ...rest } = search as Record<string, unknown>;
  return (value === ANY ? rest : { ...rest, [key]: value }) as AuditSearch;
}

/** The audit filter as a sentence. */
export function AuditSentence({ search, items, shown, onChange }: AuditSentenceProps) {
  const outcomes: Choice[] = [
    { id: ANY, text: "allowed or not" },
    ...OUTCOMES.map((id: Outcome) => ({ id, text: `that was ${id}` })),
  ];
  const periods: Choice[] = [
    { id: ANY, text: "at any time" },
    ...PERIODS.map((id: Period) => ({ id, text: `in the ${periodWords[id]}` })),
  ];
  const pick = (key: "action" | "actor" | "outcome" | "last", label: string, list: Choice[]) => (
    <WordPicker
      label={label}
      choices={list}
      chosen={search[key] ?? ANY}
      hit={search[key] !== undefined}
      onChoose={(id) => onChange(replaced(search, key, id))}
    />
  );
  return (
    <FilterBar
      label="Which entries"
      aside={shown}
      sentence={
        <>
          Show {pick("action", "Action", actions(items, search.action))} by{" "}
          {pick("actor", "Person", people(items, search.actor))} {pick("outcome", "Answer", outcomes)}{" "}
          {pick("last", "Period", periods)}
        </>
      }
    />
  );
}
