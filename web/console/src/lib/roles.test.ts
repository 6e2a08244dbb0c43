import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Right, Role } from "../api/roles";
import { grouped, rightName, rightWords, roleName, scopesOf } from "./roles";

const right = (scope: Right["scope"], more: Partial<Right> = {}): Right => ({
  scope,
  setting: null,
  says: null,
  wider: null,
  visitors: null,
  step_up: false,
  granted: false,
  ...more,
});
const role = (id: string, rights: Record<string, Right>, more: Partial<Role> = {}): Role => ({
  id,
  name: null,
  builtin: true,
  main: true,
  rights,
  people: 0,
  made_by: null,
  created_at: null,
  ...more,
});
const wider = { scope: "organisation", setting: "manager.scope.recordings", is: "all", also: null };
const manager = role("manager", {
  "recording.play": right("reports", { wider, visitors: "manager.scope.visitors" }),
  "profile.read": right("own"),
});
const admin = role("admin", {
  "key.manage": right("organisation", { step_up: true }),
  "zebra.ride": right("organisation"),
});

describe("roles as a table", () => {
  it("has every action once, in groups, and forgets none it does not know", () => {
    expect(grouped([manager, admin, manager]).map(({ name, actions }) => [name, ...actions])).toEqual([
      ["Recordings", "recording.play"],
      ["Signing in, and programs", "key.manage"],
      ["Oneself", "profile.read"],
      ["Else", "zebra.ride"],
    ]);
  });
  it("says how far a right reaches and on which conditions", () => {
    expect(rightWords(undefined).short).toBe("–");
    expect(rightWords(manager.rights["recording.play"])).toEqual({
      short: "reports*",
      long: "what is about oneself and who reports to one; all while manager.scope.recordings is all; visitors too while manager.scope.visitors is on",
    });
    expect(rightWords(admin.rights["key.manage"]).short).toBe("all†");
    expect(rightWords(right("own", { setting: "member.view_own" })).long).toContain(
      "if the rule member.view_own says so",
    );
  });
  it("has words for every action that people do", () => {
    const matrix = readFileSync("../../policies/matrix.toml", "utf8");
    const rows = matrix.split("[[row]]").slice(1);
    const people = rows.filter((row) => /^(member|manager|admin) = /m.test(row));
    const actions = people.map((row) => /^action = "(.*)"$/m.exec(row)?.[1] ?? "");
    expect(actions.length).toBeGreaterThan(30);
    expect(actions.filter((action) => rightName(action) === action.replace(/[._]/g, " "))).toEqual([]);
  });
  it("calls roles by their names", () => {
    expect(roleName(admin)).toBe("Admin");
    expect(roleName(role("rol_1", {}, { name: "Reader" }))).toBe("Reader");
  });
  it("lets a right reach no further than anybody's", () => {
    expect(scopesOf("profile.read", [manager, admin])).toEqual(["own"]);
    expect(scopesOf("recording.play", [manager])).toEqual(["own", "reports", "organisation"]);
    expect(scopesOf("nothing.there", [manager])).toEqual([]);
    const own = role("rol_1", { "profile.read": right("organisation") }, { builtin: false });
    expect(scopesOf("profile.read", [manager, own])).toEqual(["own"]);
  });
});
