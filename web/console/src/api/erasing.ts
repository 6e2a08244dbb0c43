/** Erasures that two people decide: one proposes, another agrees. */
import * as v from "valibot";
import { call, callEmpty } from "./client";
import { rowsOf, spread } from "./rows";
import { Erasure, PersonRef } from "./types";

const seg = encodeURIComponent;
const count = v.pipe(v.number(), v.minValue(0));
const Extent = v.object({ recordings: count, people: count });
export type Extent = v.InferOutput<typeof Extent>;

export const AskedErasure = v.object({
  id: v.string(),
  now: Extent,
  ends_at: v.string(),
  /** What happens next, and what to do. */
  waits_for: v.string(),
});
export type AskedErasure = v.InferOutput<typeof AskedErasure>;

export const Proposal = v.object({
  id: v.string(),
  /** `subject`, `recordings` for all of one person, or `organisation`. */
  kind: v.string(),
  target: v.string(),
  about: v.nullable(v.object({ id: v.string(), label: v.string(), person: v.nullable(v.string()) })),
  /** `waits`, `agreed`, `closing`, `refused`, `withdrawn` or `over`. */
  state: v.string(),
  /** Whether it is erased as soon as somebody agrees: an organisation else closes for 30 days first. */
  at_once: v.boolean(),
  /** When the organisation is erased that is closing. */
  closes_at: v.nullable(v.string()),
  reason: v.nullable(v.string()),
  asked_by: PersonRef,
  asked_at: v.string(),
  ends_at: v.string(),
  /** Whether nobody else could agree when it was proposed: then it happens by itself at the end, unless somebody can by then. */
  alone: v.boolean(),
  /** How much would go: whoever agrees says what they were shown. */
  now: Extent,
  decided_by: v.nullable(PersonRef),
});
export type Proposal = v.InferOutput<typeof Proposal>;
export const ProposalList = v.pipe(v.object({ items: rowsOf(Proposal) }), v.transform(spread));

export const listProposals = (signal?: AbortSignal) =>
  call("GET", "/erasures/proposals", ProposalList, signal ? { signal } : {});
/** Somebody with an account or all their recordings, by the id of their subject, or the organisation by its own. */
export type Doomed = { subject: string } | { recordings: string } | { organisation: string };
export const proposeErasure = (target: Doomed, reason: string, at_once = false) =>
  call("POST", "/erasures/proposals", AskedErasure, { body: { target, reason, at_once } });
/** What came of agreeing: it is being erased, or the organisation is closing until then. */
export const AgreedErasure = v.object({ erasure: v.nullable(Erasure), closes_at: v.nullable(v.string()) });
/** Agrees to what was shown; where there is more of it by now, the server says so. */
export const agreeToErasure = ({ id, now }: Pick<Proposal, "id" | "now">) =>
  call("POST", `/erasures/proposals/${seg(id)}/agree`, AgreedErasure, { body: now });
export const declineErasure = (id: string, change: "refuse" | "withdraw") =>
  callEmpty("POST", `/erasures/proposals/${seg(id)}/${change}`, { body: {} });
