/** What moving something in the tree makes other, before it is moved. */
import type { Effects, TreeNode } from "../api/types";
import { branches, pathOfNode } from "./people";
import { classOf, daysOf } from "./retention";

/** The kind of a value that a setting says, as far as the value itself tells. */
export function kindOf(value: unknown): string {
  if (typeof value === "boolean") return "switch";
  return typeof value === "string" && daysOf(value) !== null ? "duration" : "word";
}

/** A time that would be shorter in a project: what is older than it there falls due. */
export interface Shortened {
  project: string;
  class: string;
  days: number;
}

export function shortened({ items }: Effects): Shortened[] {
  return items.flatMap(({ place, name, before, after }) => {
    const [kept, [was, days]] = [classOf(name), [daysOf(before), daysOf(after)]];
    if (place.level !== "project" || place.id === null || kept === null || days === null) return [];
    return was === null || days < was ? [{ project: place.id, class: kept, days }] : [];
  });
}

/** Where a project or a team may hang: the organisation itself is null. */
export function placesFor(node: TreeNode, nodes: readonly TreeNode[]): { id: string | null; name: string }[] {
  const above = node.kind === "team" ? "project" : "domain";
  const places = branches(nodes)
    .filter((branch) => branch.node.kind === above)
    .map((branch) => ({ id: branch.node.id, name: pathOfNode(nodes, branch.node.id) ?? branch.node.name }));
  return node.kind === "project" ? [{ id: null, name: "the organisation itself" }, ...places] : places;
}
