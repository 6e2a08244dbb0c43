/** People of an organisation: what is shown of them, and what the address keeps of their list. */
import * as v from "valibot";
import type { Query } from "../api/client";
import type { Person, TreeNode } from "../api/types";

export const PERSON_STATES = ["active", "invited", "suspended", "soft_deleted"] as const;
export const ROLES = ["member", "manager", "admin"] as const;
export type PersonState = (typeof PERSON_STATES)[number];
export type Role = (typeof ROLES)[number];

export interface PeopleSearch {
  state?: PersonState;
  role?: Role;
  /** Only those who report to this person. */
  under?: string;
  /** The person who stands open. */
  open?: string;
}

const PersonId = v.pipe(v.string(), v.regex(/^per_[0-9a-z]{32}$/));

export function parsePeopleSearch(raw: Record<string, unknown>): PeopleSearch {
  const found: PeopleSearch = {};
  const state = v.safeParse(v.picklist(PERSON_STATES), raw.state);
  if (state.success) found.state = state.output;
  const role = v.safeParse(v.picklist(ROLES), raw.role);
  if (role.success) found.role = role.output;
  const under = v.safeParse(PersonId, raw.under);
  if (under.success) found.under = under.output;
  const open = v.safeParse(PersonId, raw.open);
  if (open.success) found.open = open.output;
  return found;
}

export function peopleQuery(search: PeopleSearch): Query {
  return { state: search.state, role: search.role, manager: search.under };
}

export const personStateWords: Record<PersonState, string> = {
  active: "who are here",
  invited: "who are invited",
  suspended: "who are kept out for a time",
  soft_deleted: "whose access was taken away",
};

/** A state as a tag says it. */
export const personStateTag: Record<string, string> = {
  active: "here",
  invited: "invited",
  suspended: "kept out",
  soft_deleted: "access taken away",
};

export const roleWords: Record<string, string> = {
  member: "Member",
  manager: "Manager",
  admin: "Admin",
  privacy: "Privacy officer",
  auditor: "Auditor",
  viewer: "Viewer",
  assigner: "Role assigner",
  support: "Support, from outside",
};

/** What a role may do, in a line beside its name. */
export const roleNotes: Record<Role, string> = {
  member: "sees what shows themselves",
  manager: "sees what shows those who report to them",
  admin: "runs the organisation and sees everything of it",
};

/** A role, or several, as words. */
export function rolesWords(role: string, also: readonly string[]): string {
  return [role, ...also]
    .map((one) => roleWords[one] ?? (one.startsWith("rol_") ? "a role of your own" : one))
    .join(", ");
}

export interface Option {
  id: string;
  name: string;
}

/**
 * To whom somebody may be said to report: those who are known, without themselves and without those whose access was
 * taken away. Whom they report to now is among them in any case, so that leaving it as it is changes nothing.
 */
export function managerOptions(
  people: readonly Pick<Person, "id" | "name" | "state">[],
  chosen: Option | null,
  except?: string,
): Option[] {
  const possible = people.filter((one) => one.id !== except && one.state !== "soft_deleted");
  const known = chosen === null || possible.some((one) => one.id === chosen.id);
  return [...(known ? [] : [chosen]), ...possible.map(({ id, name }) => ({ id, name }))];
}

/** Where a node stands, from the top: `Support › Order desk › Team North`. */
export function pathOfNode(nodes: readonly TreeNode[], id: string | null): string | null {
  const names: string[] = [];
  let at = nodes.find((node) => node.id === id);
  // A node hangs from one of a higher kind, so there are at most three; a fourth would be a circle.
  while (at && names.length < 3) {
    names.unshift(at.name);
    const parent = at.parent;
    at = nodes.find((node) => node.id === parent);
  }
  return names.length === 0 ? null : names.join(" › ");
}

export interface Branch {
  node: TreeNode;
  depth: number;
}

/** The tree in reading order, each with its depth: what hangs from nothing known stands at the top. */
export function branches(nodes: readonly TreeNode[]): Branch[] {
  const known = new Set(nodes.map((node) => node.id));
  const below = (parent: string | null, depth: number): Branch[] =>
    nodes
      .filter((node) => (node.parent !== null && known.has(node.parent) ? node.parent : null) === parent)
      .sort((a, b) => a.name.localeCompare(b.name))
      .flatMap((node) => [{ node, depth }, ...below(node.id, depth + 1)]);
  return below(null, 0);
}

/** What may hang from a node of this kind; from the organisation where there is none. */
export function kindsBelow(kind: TreeNode["kind"] | null): TreeNode["kind"][] {
  switch (kind) {
    case null:
      return ["domain", "project"];
    case "domain":
      return ["project"];
    case "project":
      return ["team"];
    case "team":
      return [];
  }
}
