/** Roles as a table that people read: actions in groups, one column for each role. */
import type { Right, Role, Scope } from "../api/roles";
import { actionWords } from "./auditFilter";
import { roleWords } from "./people";

/** Groups of actions, by what stands before the dot. Whatever has no group stands last. */
const GROUPS: readonly { name: string; of: readonly string[] }[] = [
  { name: "Recordings", of: ["recording", "view", "subject", "erasure"] },
  { name: "People and what they may do", of: ["person", "role", "tree", "organisation"] },
  {
    name: "What is captured, and how long it is kept",
    of: ["site", "policy", "setting", "retention", "hold"],
  },
  { name: "Requests and the record", of: ["request", "audit", "health"] },
  { name: "Signing in, and programs", of: ["session", "credential", "factor", "key"] },
  { name: "Oneself", of: ["profile", "mine"] },
];

export interface ActionGroup {
  name: string;
  actions: string[];
}

/** Every action that any of these roles may do, in groups, each in order. */
export function grouped(roles: readonly Role[]): ActionGroup[] {
  const all = [...new Set(roles.flatMap((role) => Object.keys(role.rights)))].sort();
  const area = (action: string) => action.split(".")[0] ?? "";
  const known = GROUPS.map(({ name, of }) => ({
    name,
    actions: all.filter((one) => of.includes(area(one))),
  }));
  const rest = all.filter((one) => !GROUPS.some(({ of }) => of.includes(area(one))));
  return [...known, { name: "Else", actions: rest }].filter(({ actions }) => actions.length > 0);
}

/** What a role is called. */
export const roleName = (role: Pick<Role, "id" | "name">): string =>
  role.name ?? roleWords[role.id] ?? role.id;

const REACH: Record<Scope, string> = { own: "own", reports: "reports", organisation: "all" };
export const reachWords: Record<Scope, string> = {
  own: "what is about oneself",
  reports: "what is about oneself, who reports to one, and visitors",
  organisation: "everything of the organisation",
};

/** A right in a word or two, and in a sentence for who points at it or hears it. */
export function rightWords(right: Right | undefined): { short: string; long: string } {
  if (!right) return { short: "–", long: "not allowed" };
  const conditions = [
    right.setting && `if the rule ${right.setting} says so`,
    right.wider &&
      `${right.wider.scope === "organisation" ? "all" : right.wider.scope} while ${right.wider.setting} is ${right.wider.is}`,
    right.step_up && "after proving once more who one is",
  ].filter((one): one is string => typeof one === "string");
  const marks = `${right.setting || right.wider ? "*" : ""}${right.step_up ? "†" : ""}`;
  return {
    short: REACH[right.scope] + marks,
    long: [reachWords[right.scope], ...conditions].join("; "),
  };
}

/** What an action is, in words. */
export const rightName = (action: string): string => actionWords(action);

/** The scopes that a right of one's own role may have: none wider than the widest built-in one. */
export function scopesOf(action: string, roles: readonly Role[]): Scope[] {
  const order: Scope[] = ["own", "reports", "organisation"];
  const widest = roles
    .filter((role) => role.builtin)
    .flatMap((role) => {
      const right = role.rights[action];
      return right ? [right.scope, (right.wider?.scope as Scope | undefined) ?? right.scope] : [];
    });
  const most = Math.max(-1, ...widest.map((scope) => order.indexOf(scope)));
  return order.slice(0, most + 1);
}
