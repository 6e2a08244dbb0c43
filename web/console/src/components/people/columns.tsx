import type { Person, TreeNode } from "../../api/types";
import { formatMoment } from "../../lib/format";
import { pathOfNode, personStateTag, rolesWords } from "../../lib/people";
import type { Column } from "../DataTable";
import { Icon } from "../Icon";
import { Person as Window } from "../Person";

/** Somebody's name by their id, as far as the list knows it. */
export function nameIn(people: readonly Person[], id: string | null): string | null {
  if (id === null) return null;
  return people.find((person) => person.id === id)?.name ?? "somebody not on this list";
}

export function PersonTag({ person }: { person: Pick<Person, "state" | "blocked_until"> }) {
  const words = personStateTag[person.state] ?? person.state;
  if (person.state === "active") {
    return (
      <span className="tag">
        <Icon name="check" />
        {words}
      </span>
    );
  }
  const until = person.blocked_until === null ? undefined : `Until ${formatMoment(person.blocked_until)}`;
  return (
    <span className={person.state === "invited" ? "tag line" : "tag attn"} title={until}>
      <Icon name={person.state === "invited" ? "mail" : "blind"} />
      {words}
    </span>
  );
}

export function peopleColumns(
  people: readonly Person[],
  nodes: readonly TreeNode[],
): readonly Column<Person>[] {
  return [
    {
      id: "name",
      head: "Name",
      kind: "wide",
      cell: (person) => (
        <span className="who-cell">
          <Window person={person} />
          <span className="grow">
            <b>{person.name}</b> <span className="small ink3">{person.email}</span>
          </span>
        </span>
      ),
    },
    {
      id: "role",
      head: "Role",
      cell: (person) => <span className="nowrap">{rolesWords(person.role, person.also)}</span>,
    },
    {
      id: "manager",
      head: "Reports to",
      kind: "aside",
      cell: (person) => (
        <span className="nowrap">
          {nameIn(people, person.manager) ?? <span className="ink3">nobody</span>}
        </span>
      ),
    },
    {
      id: "team",
      head: "Team",
      kind: "aside",
      cell: (person) => (
        <span className="clip">{pathOfNode(nodes, person.team) ?? <span className="ink3">none</span>}</span>
      ),
    },
    { id: "state", head: "State", cell: (person) => <PersonTag person={person} /> },
  ];
}
