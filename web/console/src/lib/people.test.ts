import { describe, expect, it } from "vitest";
import type { TreeNode } from "../api/types";
import { branches, kindsBelow, managerOptions, parsePeopleSearch, pathOfNode } from "./people";

const node = (id: string, kind: TreeNode["kind"], parent: string | null, name: string): TreeNode => ({
  id,
  kind,
  parent,
  name,
});
const nodes = [
  node("tea_2", "team", "prj_1", "South"),
  node("tea_1", "team", "prj_1", "North"),
  node("prj_1", "project", "dom_1", "Order desk"),
  node("dom_1", "domain", null, "Support"),
  node("prj_2", "project", null, "Website"),
];

describe("the tree", () => {
  it("reads from the top, by name", () => {
    expect(branches(nodes).map(({ node, depth }) => `${depth} ${node.name}`)).toEqual([
      "0 Support",
      "1 Order desk",
      "2 North",
      "2 South",
      "0 Website",
    ]);
  });

  it("shows what hangs from nothing known", () => {
    expect(branches([node("tea_9", "team", "prj_9", "Lost")])).toHaveLength(1);
  });

  it("says where a node stands", () => {
    expect(pathOfNode(nodes, "tea_1")).toBe("Support › Order desk › North");
    expect(pathOfNode(nodes, null)).toBeNull();
    expect(pathOfNode([node("dom_1", "domain", "dom_1", "Round")], "dom_1")).toBe("Round › Round › Round");
  });

  it("ends at teams", () => {
    expect(kindsBelow(null)).toEqual(["domain", "project"]);
    expect(kindsBelow("team")).toEqual([]);
  });
});

describe("the address of the list", () => {
  it("keeps what it understands", () => {
    const open = `per_${"0".repeat(32)}`;
    expect(parsePeopleSearch({ state: "invited", role: "admin", open, under: "x" })).toEqual({
      state: "invited",
      role: "admin",
      open,
    });
    expect(parsePeopleSearch({ state: "gone", role: "king", open: "<b>" })).toEqual({});
  });
});

describe("to whom somebody may report", () => {
  const ada = { id: "per_a", name: "Ada", state: "active" };
  const ben = { id: "per_b", name: "Ben", state: "active" };
  const gone = { id: "per_c", name: "Cleo", state: "soft_deleted" };
  const names = (options: { name: string }[]) => options.map(({ name }) => name);

  it("leaves out themselves and who is gone", () => {
    expect(names(managerOptions([ada, ben, gone], null, "per_b"))).toEqual(["Ada"]);
  });
  it("keeps whom they report to now, also where the list does not reach that far", () => {
    expect(names(managerOptions([ada], { id: "per_z", name: "Zoe" }))).toEqual(["Zoe", "Ada"]);
    expect(names(managerOptions([gone], { id: "per_c", name: "Cleo" }))).toEqual(["Cleo"]);
    expect(names(managerOptions([ada, ben], { id: "per_b", name: "Ben" }))).toEqual(["Ada", "Ben"]);
  });
});
