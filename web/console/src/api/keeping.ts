/** How long what is kept: the recycle bin, retention with its sweep, and holds. */
import * as v from "valibot";
import { call, callEmpty, type Query } from "./client";
import { PersonRef, RecordingItem } from "./types";

const seg = encodeURIComponent;
const count = v.pipe(v.number(), v.minValue(0));
const time = v.nullable(v.string());

export const BinItem = v.object({
  recording: RecordingItem,
  /** Nobody where the program deleted it. */
  deleted_by: v.nullable(PersonRef),
  deleted_at: v.string(),
  restorable_until: v.string(),
});
export type BinItem = v.InferOutput<typeof BinItem>;
export const Bin = v.object({
  items: v.array(BinItem),
  next_cursor: v.nullable(v.string()),
  entry: v.number(),
});
export type Bin = v.InferOutput<typeof Bin>;

export const Deletion = v.object({ recording: v.string(), restorable_until: v.string() });
export type Deletion = v.InferOutput<typeof Deletion>;

export const listDeletions = (query: Query, signal?: AbortSignal) =>
  call("GET", "/deletions", Bin, { query, ...(signal ? { signal } : {}) });
/** Takes it away from everybody; it can be brought back until `restorable_until`. */
export const deleteRecording = (id: string) =>
  call("POST", `/recordings/${seg(id)}/delete`, Deletion, { body: {} });
export const restoreRecording = (id: string) =>
  callEmpty("POST", `/recordings/${seg(id)}/restore`, { body: {} });

/** How the sweeping of the organisation stands. */
export const Sweeping = v.object({
  swept_at: time,
  swept: count,
  waits_since: time,
  due: count,
  expected: count,
  confirmed_at: time,
  /** Nothing is swept before whoever runs the server says that its clock is right. */
  clock_in_doubt: v.boolean(),
});
export type Sweeping = v.InferOutput<typeof Sweeping>;

export const RetentionPreview = v.object({
  class: v.string(),
  days: count,
  newly_due: count,
  /** Thirty spans of 24 hours: how much falls due as things are, and how much would. */
  // biome-ignore lint/suspicious/noThenProperty: a number, and the API's own name
  next: v.array(v.object({ now: count, then: count })),
});
export type RetentionPreview = v.InferOutput<typeof RetentionPreview>;
export const PreviewList = v.object({ items: v.array(RetentionPreview) });

export const getSweep = (signal?: AbortSignal) =>
  call("GET", "/retention/sweep", Sweeping, signal ? { signal } : {});
export const previewRetention = (asked: { project: string | null; class: string; days: number }) =>
  call("POST", "/retention/preview", PreviewList, {
    body: { project: asked.project, changes: [{ class: asked.class, days: asked.days }] },
  });

/** Lets the sweep that waits go on, for as many recordings as were shown. */
export const confirmSweep = (due: number) =>
  call("POST", "/retention/sweep/confirm", v.object({ confirmed: v.boolean() }), { body: { due } });

const Decision = v.object({ by: v.nullable(PersonRef), at: v.string() });
export const Hold = v.object({
  id: v.string(),
  scope: v.string(),
  target: v.string(),
  state: v.string(),
  matter: v.string(),
  reason: v.string(),
  review_at: v.string(),
  proposed: Decision,
  placed: v.nullable(Decision),
  release_proposed: v.nullable(Decision),
  ended: v.nullable(Decision),
  happens_alone_at: time,
  /** Keys it pins. */
  keys: count,
});
export type Hold = v.InferOutput<typeof Hold>;
export const HoldList = v.object({ items: v.array(Hold) });

export type HoldScope = { recording: string } | { subject: string } | { site: string } | "organisation";
export type HoldChange = "confirm" | "release" | "withdraw";

export const listHolds = (signal?: AbortSignal) => call("GET", "/holds", HoldList, signal ? { signal } : {});
export const proposeHold = (body: {
  scope: HoldScope;
  matter: string;
  reason: string;
  review_days: number;
}) => call("POST", "/holds", Hold, { body });
/** Decides about a hold as it was shown: where somebody decided meanwhile, the server says so. */
export const changeHold = (hold: Pick<Hold, "id" | "state">, change: HoldChange) =>
  call("POST", `/holds/${seg(hold.id)}/${change}`, Hold, { body: { state: hold.state } });
