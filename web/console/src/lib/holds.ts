/** What is kept from being erased, as two people decide: who waits for whom, and what somebody has to look at. */
import type { Hold, HoldChange, HoldScope } from "../api/keeping";
import { formatDate, formatMoment } from "./format";

const scopes: Record<string, string> = {
  recording: "One recording",
  subject: "Everything about somebody",
  site: "Everything of a site",
  organisation: "Everything of the organisation",
};

/** What it covers. */
export function scopeWords(scope: string): string {
  return scopes[scope] ?? scope;
}

/** What is proposed and not decided: by whom, when. Null where nothing is. */
export function pending(hold: Hold): Hold["proposed"] | null {
  if (hold.state === "proposed") return hold.proposed;
  return hold.state === "release_proposed" ? hold.release_proposed : null;
}

/** What somebody may be offered. The server decides again. */
export function offers(hold: Hold, me: string): HoldChange[] {
  if (hold.state === "standing") return ["release"];
  const proposal = pending(hold);
  if (proposal === null) return [];
  return proposal.by?.id === me ? ["withdraw"] : ["confirm", "withdraw"];
}

/** For whom it waits, and whether time decides in their place. */
export function waitsFor(hold: Hold, me: string): string | null {
  const proposal = pending(hold);
  if (proposal === null) return null;
  const what = hold.state === "proposed" ? "It holds nothing yet" : "It still stands";
  if (proposal.by?.id !== me)
    return `${what}: you can confirm what ${proposal.by?.name ?? "somebody"} proposed.`;
  return hold.happens_alone_at === null
    ? `${what}: somebody else than you has to confirm it.`
    : `${what}: there is nobody else to confirm it, so it happens by itself on ${formatMoment(hold.happens_alone_at)}.`;
}

/** Whether it is in force, and somebody was to look by now whether it is still needed. */
export function reviewDue(hold: Hold, now: Date): boolean {
  return isStanding(hold) && Date.parse(hold.review_at) <= now.getTime();
}

function isStanding(hold: Hold): boolean {
  return hold.state === "standing" || hold.state === "release_proposed";
}

export interface HoldGroup {
  name: string;
  holds: Hold[];
}

/** Those that wait for a decision, those to look at again, those that stand, those that ended. Empty ones are left out. */
export function grouped(holds: readonly Hold[], now: Date): HoldGroup[] {
  const groups: HoldGroup[] = [
    { name: "Wait for a second person", holds: holds.filter((hold) => pending(hold) !== null) },
    {
      name: "To look at again",
      holds: holds.filter((hold) => pending(hold) === null && reviewDue(hold, now)),
    },
    {
      name: "In force",
      holds: holds.filter((hold) => hold.state === "standing" && !reviewDue(hold, now)),
    },
    {
      name: "Ended",
      holds: holds.filter((hold) => pending(hold) === null && !isStanding(hold)),
    },
  ];
  return groups.filter((group) => group.holds.length > 0);
}

export interface Told {
  what: string;
  who: string;
  at: string;
}

/** What was decided about it, first to last. */
export function history(hold: Hold): Told[] {
  const told = (what: string, decision: Hold["placed"]): Told[] =>
    decision === null ? [] : [{ what, who: decision.by?.name ?? "nobody: time passed", at: decision.at }];
  const released = hold.state === "released" || hold.state === "release_proposed";
  return [
    ...told("Proposed", hold.proposed),
    ...told("Confirmed", hold.placed),
    ...(released ? told("Release proposed", hold.release_proposed) : []),
    ...told(hold.state === "withdrawn" ? "Withdrawn" : "Released", hold.ended),
  ];
}

export const changeWords: Record<HoldChange, { verb: string; asks: string; failed: string }> = {
  confirm: { verb: "Confirm", asks: "Confirm it?", failed: "It was not confirmed." },
  release: {
    verb: "Propose to release it",
    asks: "Propose to release it?",
    failed: "Nothing was proposed.",
  },
  withdraw: { verb: "Withdraw", asks: "Withdraw it?", failed: "It was not withdrawn." },
};

/** What happens when somebody does it. */
export function meaning(hold: Hold, change: HoldChange): string {
  if (change === "release") {
    return "It stands until somebody else confirms that. Then what it covers can be erased again, and what fell due meanwhile goes with the next sweep.";
  }
  if (change === "withdraw") {
    return hold.state === "proposed"
      ? "It never held anything, and holds nothing."
      : "The release is not asked for any more. The hold stands.";
  }
  return hold.state === "proposed"
    ? "From now on nothing that it covers can be erased, by anybody and anything, until two people release it."
    : "From now on what it covers can be erased again. What fell due meanwhile goes with the next sweep.";
}

/** What an id names, as the scope of a new hold; null where it is none of these. */
export function scopeOf(id: string): HoldScope | null {
  const text = id.trim();
  const [, kind] = /^(rec|sub|sit)_[0-9a-z]{32}$/.exec(text) ?? [];
  switch (kind) {
    case "rec":
      return { recording: text };
    case "sub":
      return { subject: text };
    case "sit":
      return { site: text };
    default:
      return null;
  }
}

/** When somebody is to look whether it is still needed. */
export function reviewWords(hold: Hold, now: Date): string {
  const day = formatDate(hold.review_at);
  return reviewDue(hold, now)
    ? `Somebody was to look by ${day} whether it is still needed.`
    : `Somebody looks by ${day} whether it is still needed.`;
}
