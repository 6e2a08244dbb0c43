/** The sentence above the audit table. */
import * as v from "valibot";
import type { Query } from "../api/client";
import { PERIODS, type Period, periodStart } from "./filters";

export const OUTCOMES = ["allowed", "refused", "failed"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface AuditSearch {
  action?: string;
  outcome?: Outcome;
  actor?: string;
  last?: Period;
  /** The number of the entry that stands open. */
  entry?: number;
}

const Action = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_.:-]{0,63}$/));
const Actor = v.pipe(v.string(), v.regex(/^[a-z]{2,4}_[0-9a-z]{1,64}$/));

export function parseAuditSearch(raw: Record<string, unknown>): AuditSearch {
  const found: AuditSearch = {};
  const action = v.safeParse(Action, raw.action);
  if (action.success) found.action = action.output;
  const outcome = v.safeParse(v.picklist(OUTCOMES), raw.outcome);
  if (outcome.success) found.outcome = outcome.output;
  const actor = v.safeParse(Actor, raw.actor);
  if (actor.success) found.actor = actor.output;
  const last = v.safeParse(v.picklist(PERIODS), raw.last);
  if (last.success) found.last = last.output;
  const entry = v.safeParse(v.pipe(v.number(), v.integer(), v.minValue(0)), raw.entry);
  if (entry.success) found.entry = entry.output;
  return found;
}

export function auditQuery(search: AuditSearch, now: Date): Query {
  return {
    action: search.action,
    outcome: search.outcome,
    actor: search.actor,
    from: search.last ? periodStart(search.last, now) : undefined,
  };
}

/** An action's name as words: `play.start` becomes `play start`. */
export function actionWords(action: string): string {
  return action.replace(/[._:]+/g, " ");
}

export const outcomeWords: Record<Outcome, string> = {
  allowed: "allowed",
  refused: "refused",
  failed: "failed",
};
