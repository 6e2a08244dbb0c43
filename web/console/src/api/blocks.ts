/** Blocks of networks and of browsers. */
import * as v from "valibot";
import { call, callEmpty } from "./client";
import { rowsOf, spread } from "./rows";
import { PersonRef } from "./types";

const seg = encodeURIComponent;

/** One of `network` and `device` is said. */
export const PlaceBlock = v.object({
  id: v.string(),
  network: v.nullable(v.string()),
  /** What a browser is called. */
  device: v.nullable(v.string()),
  /** Who was signed in with it. */
  person: v.nullable(PersonRef),
  reason: v.string(),
  set_by: PersonRef,
  since: v.string(),
  ends_at: v.string(),
  runs: v.boolean(),
  lifted_by: v.nullable(PersonRef),
  lift_reason: v.nullable(v.string()),
});
export type PlaceBlock = v.InferOutput<typeof PlaceBlock>;
export const PlaceBlockList = v.pipe(v.object({ items: rowsOf(PlaceBlock) }), v.transform(spread));
export const SetBlock = v.object({ id: v.string() });
export const Device = v.object({
  session: v.string(),
  device: v.nullable(v.string()),
  user_agent: v.string(),
  signed_in_at: v.string(),
  last_used_at: v.string(),
});
export type Device = v.InferOutput<typeof Device>;
export const DeviceList = v.object({ items: v.array(Device) });

/** A network, or the browser that a session began on. */
export type NewPlace = { network: string } | { session: string };

export const listBlocks = (signal?: AbortSignal) =>
  call("GET", "/blocks", PlaceBlockList, signal ? { signal } : {});
export const blockPlace = (body: NewPlace & { ends_at: string; reason: string }) =>
  call("POST", "/blocks", SetBlock, { body });
export const liftBlock = (id: string, reason: string) =>
  callEmpty("POST", `/blocks/${seg(id)}/lift`, { body: { reason } });
export const listDevices = (person: string, signal?: AbortSignal) =>
  call("GET", `/people/${seg(person)}/devices`, DeviceList, signal ? { signal } : {});
