import { useId } from "react";
import type { Person, TreeNode } from "../../api/types";
import { branches, pathOfNode } from "../../lib/people";

interface ManagerSelectProps {
  people: readonly Person[];
  chosen: string | null;
  /** Whoever is moved cannot report to themselves. */
  except?: string;
}

/** To whom somebody reports. */
export function ManagerSelect({ people, chosen, except }: ManagerSelectProps) {
  const id = useId();
  const possible = people.filter((person) => person.id !== except && person.state !== "soft_deleted");
  return (
    <div className="fld">
      <label htmlFor={id}>Reports to</label>
      <select className="in" id={id} name="manager" defaultValue={chosen ?? ""}>
        <option value="">nobody</option>
        {possible.map((person) => (
          <option key={person.id} value={person.id}>
            {person.name}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The team somebody works in. Nothing where there are no teams. */
export function TeamSelect({ nodes, chosen }: { nodes: readonly TreeNode[]; chosen: string | null }) {
  const id = useId();
  const teams = branches(nodes).filter(({ node }) => node.kind === "team");
  if (teams.length === 0) return null;
  return (
    <div className="fld">
      <label htmlFor={id}>Team</label>
      <select className="in" id={id} name="team" defaultValue={chosen ?? ""}>
        <option value="">none</option>
        {teams.map(({ node }) => (
          <option key={node.id} value={node.id}>
            {pathOfNode(nodes, node.id)}
          </option>
        ))}
      </select>
    </div>
  );
}
