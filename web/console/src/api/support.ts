/** Help from outside: who is let in, to what and until when, what they do, and showing them out. */
import * as v from "valibot";
import { call, callEmpty, type Query } from "./client";
import { AuditItem, PersonRef } from "./types";

const seg = encodeURIComponent;
const opt = (signal?: AbortSignal) => (signal ? { signal } : {});

export const SupportItem = v.object({
  id: v.string(),
  /** Whom it lets in. */
  person: PersonRef,
  /** Whether they have taken up their invitation. */
  came: v.boolean(),
  rights: v.array(v.string()),
  /** Where alone; everywhere where there is none. */
  node: v.nullable(v.object({ id: v.string(), name: v.string() })),
  reason: v.nullable(v.string()),
  made_by: PersonRef,
  begins_at: v.string(),
  ends_at: v.string(),
  ended_at: v.nullable(v.string()),
  ended_by: v.nullable(PersonRef),
  running: v.boolean(),
});
export type SupportItem = v.InferOutput<typeof SupportItem>;

/** `lendable` are the actions that whoever asks could let a supporter do. */
export const SupportList = v.object({
  items: v.array(SupportItem),
  next_cursor: v.nullable(v.string()),
  entry: v.number(),
  lendable: v.array(v.string()),
});
export type SupportList = v.InferOutput<typeof SupportList>;

export const SupportActs = v.object({
  items: v.array(AuditItem),
  next_cursor: v.nullable(v.string()),
  entry: v.number(),
});
export type SupportActs = v.InferOutput<typeof SupportActs>;

/** `link` is told once, and only where no mail takes it to them. */
export const MadeSupport = v.object({
  id: v.string(),
  person: v.string(),
  ends_at: v.string(),
  link: v.nullable(v.string()),
  invited_until: v.nullable(v.string()),
});
export type MadeSupport = v.InferOutput<typeof MadeSupport>;

export interface NewSupport {
  /** Who was let in before; or `name` and `email` of somebody new. */
  person?: string;
  name?: string;
  email?: string;
  rights: string[];
  node: string | null;
  reason: string;
  hours: number;
}

export const listSupport = (query: Query, signal?: AbortSignal) =>
  call("GET", "/support-grants", SupportList, { query, ...opt(signal) });
export const letIn = (body: NewSupport) => call("POST", "/support-grants", MadeSupport, { body });
/** Shows them out now. */
export const endSupport = (id: string) => callEmpty("POST", `/support-grants/${seg(id)}/end`);
export const listActs = (id: string, query: Query, signal?: AbortSignal) =>
  call("GET", `/support-grants/${seg(id)}/acts`, SupportActs, { query, ...opt(signal) });
