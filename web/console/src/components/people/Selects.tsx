import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { getPerson, listPeople } from "../../api/operations";
import type { TreeNode } from "../../api/types";
import { branches, managerOptions, pathOfNode } from "../../lib/people";
import { explain } from "../States";

interface ManagerSelectProps {
  chosen: string | null;
  /** Whoever is moved cannot report to themselves. */
  except?: string;
}

/** To whom somebody reports: those who are here, whatever the list of people on the page shows. */
export function ManagerSelect({ chosen, except }: ManagerSelectProps) {
  const id = useId();
  const list = useInfiniteQuery({
    queryKey: ["people", "here"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      listPeople({ state: "active", cursor: pageParam, limit: 100 }, signal),
    getNextPageParam: (last) => last.next_cursor,
    staleTime: 60_000,
  });
  const people = (list.data?.pages ?? []).flatMap((page) => page.items);
  const named = people.find((person) => person.id === chosen);
  const now = useQuery({
    queryKey: ["person", chosen],
    queryFn: ({ signal }) => getPerson(chosen ?? "", signal),
    enabled: chosen !== null && list.isSuccess && named === undefined,
  });
  const name = (named ?? now.data)?.name ?? "as it is now";
  const possible = managerOptions(people, chosen === null ? null : { id: chosen, name }, except);
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
      {list.error && (
        <span className="err">Who is here could not be read. {explain(list.error).lines[0]}</span>
      )}
      {list.hasNextPage && (
        <button
          type="button"
          className="b s"
          disabled={list.isFetchingNextPage}
          onClick={() => void list.fetchNextPage()}
        >
          List more people
        </button>
      )}
    </div>
  );
}

interface TeamSelectProps {
  nodes: readonly TreeNode[];
  chosen: string | null;
  onChoose?: (team: string | null) => void;
}

/** The team somebody works in. Nothing where there are no teams. */
export function TeamSelect({ nodes, chosen, onChoose }: TeamSelectProps) {
  const id = useId();
  const teams = branches(nodes).filter(({ node }) => node.kind === "team");
  if (teams.length === 0) return null;
  return (
    <div className="fld">
      <label htmlFor={id}>Team</label>
      <select
        className="in"
        id={id}
        name="team"
        defaultValue={chosen ?? ""}
        onChange={(event) => onChoose?.(event.target.value || null)}
      >
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
