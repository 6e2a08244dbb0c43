/** API keys of the organisation: what programs come in by. */
import * as v from "valibot";
import { call, callEmpty } from "./client";
import { PersonRef } from "./types";

const seg = encodeURIComponent;

export const KeyItem = v.object({
  id: v.string(),
  name: v.string(),
  scopes: v.array(v.string()),
  /** Who made it, or made it anew. It does no more than they may do. */
  made_by: PersonRef,
  made_at: v.string(),
  expires_at: v.string(),
  /** To the minute. */
  last_used_at: v.nullable(v.string()),
});
export type KeyItem = v.InferOutput<typeof KeyItem>;
/** `scopes` are those that whoever asks may give to a key. */
export const KeyList = v.object({ items: v.array(KeyItem), scopes: v.array(v.string()) });
/** Told once: `key` is the key itself. */
export const MadeKey = v.object({ id: v.string(), key: v.string(), expires_at: v.string() });
export type MadeKey = v.InferOutput<typeof MadeKey>;

export interface NewKey {
  name: string;
  scopes: string[];
  days: number;
}

export const listKeys = (signal?: AbortSignal) => call("GET", "/keys", KeyList, signal ? { signal } : {});
export const makeKey = (body: NewKey) => call("POST", "/keys", MadeKey, { body });
/** What it was is refused from now on. */
export const rotateKey = (id: string) => call("POST", `/keys/${seg(id)}/rotate`, MadeKey);
export const endKey = (id: string) => callEmpty("DELETE", `/keys/${seg(id)}`);
