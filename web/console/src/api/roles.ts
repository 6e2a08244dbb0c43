/** Roles: what each may do, and those an organisation makes for itself. */
import * as v from "valibot";
import { call, callEmpty } from "./client";

const seg = encodeURIComponent;

export const Right = v.object({
  scope: v.picklist(["own", "reports", "organisation"]),
  setting: v.optional(v.nullable(v.string()), null),
  /** The words that a setting says while it holds. */
  says: v.optional(v.nullable(v.object({ setting: v.string(), any: v.array(v.string()) })), null),
  wider: v.optional(
    v.nullable(
      v.object({
        scope: v.string(),
        setting: v.string(),
        is: v.string(),
        also: v.optional(v.nullable(v.string()), null),
      }),
    ),
    null,
  ),
  /** What must be on for visitors to be among those whom `reports` reaches. */
  visitors: v.optional(v.nullable(v.string()), null),
  step_up: v.boolean(),
  /** Only while a grant of support says so. */
  granted: v.boolean(),
});
export type Right = v.InferOutput<typeof Right>;
export type Scope = Right["scope"];

export const Role = v.object({
  id: v.string(),
  name: v.optional(v.nullable(v.string()), null),
  builtin: v.boolean(),
  main: v.boolean(),
  rights: v.record(v.string(), Right),
  people: v.number(),
  made_by: v.optional(v.nullable(v.string()), null),
  created_at: v.optional(v.nullable(v.string()), null),
});
export type Role = v.InferOutput<typeof Role>;
export const RoleList = v.object({ items: v.array(Role) });

export interface NewRole {
  name: string;
  rights: Record<string, Scope>;
}

export const listRoles = (signal?: AbortSignal) => call("GET", "/roles", RoleList, signal ? { signal } : {});
export const makeRole = (body: NewRole) => call("POST", "/roles", Role, { body });
export const changeRole = (id: string, body: NewRole) => call("PATCH", `/roles/${seg(id)}`, Role, { body });
export const removeRole = (id: string) => callEmpty("DELETE", `/roles/${seg(id)}`);
