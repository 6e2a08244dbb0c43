/** Erasures that two people decide, in words. */
import type { Extent, Proposal } from "../api/erasing";
import { formatMoment, plural } from "./format";

export type ProposalChange = "agree" | "refuse" | "withdraw";

/** Who looks: their id, and what the server says they may do. */
export interface Looker {
  me: string;
  allowed: readonly string[];
}

/** What is to be erased. */
export function doomedWords({ kind, about }: Pick<Proposal, "kind" | "about">): string {
  if (kind === "organisation") return "The whole organisation";
  const whom = about?.label ?? "somebody";
  return kind === "recordings" ? `Every recording about ${whom}` : `Everything about ${whom}`;
}

/** How much would go; where accounts stay, only what is recorded. */
export function extentWords({ recordings, people }: Extent): string {
  const recorded = plural(recordings, "recording");
  return people === 0 ? recorded : `${recorded} and ${plural(people, "account")}`;
}

/** What somebody may be offered. The server decides again. */
export function proposalOffers(proposal: Proposal, { me, allowed }: Looker): ProposalChange[] {
  // Whoever could have agreed keeps it.
  if (proposal.state === "closing") return allowed.includes(rightOver(proposal)) ? ["withdraw"] : [];
  if (proposal.state !== "waits" || !allowed.includes(rightOver(proposal))) return [];
  if (proposal.asked_by.id === me) return ["withdraw"];
  return proposal.about?.person === me ? [] : ["agree", "refuse"];
}

/** What was proposed last of this kind, of a list that has the newest first. */
export function lastOf(proposals: readonly Proposal[], kind: string): Proposal | null {
  return proposals.find((proposal) => proposal.kind === kind) ?? null;
}

const OUTCOMES: Record<string, string> = {
  refused: "was refused",
  withdrawn: "was taken back",
  over: "is over, as nobody agreed in time",
};

/** What became of one that came to nothing, as the end of a sentence; null of any other. */
export function outcomeWords({ state, decided_by }: Pick<Proposal, "state" | "decided_by">): string | null {
  const outcome = OUTCOMES[state];
  if (outcome === undefined) return null;
  if (decided_by !== null) return `${outcome} by ${decided_by.name}`;
  // The program takes back what could not happen by itself.
  return state === "withdrawn" ? "came to nothing at its end" : outcome;
}

/** The right that deciding about it takes: an officer for privacy erases people, and not the organisation. */
const rightOver = ({ kind }: Pick<Proposal, "kind">) =>
  kind === "organisation" ? "organisation.erase" : "subject.erase";

const VERBS: Record<ProposalChange, string> = {
  agree: "Agree and erase",
  refuse: "Refuse",
  withdraw: "Take it back",
};

/** What a change is called: an organisation that closes first is not erased by agreeing. */
export function proposalVerb(
  { state, at_once }: Pick<Proposal, "state" | "at_once">,
  change: ProposalChange,
): string {
  if (state === "closing") return "Keep the organisation";
  return change === "agree" && !at_once ? "Agree and close" : VERBS[change];
}

/** What follows once it is done. */
export function afterWords(
  { state, at_once }: Pick<Proposal, "state" | "at_once">,
  change: ProposalChange,
): string {
  if (change === "agree") {
    const who = "It is on record who proposed it and who agreed.";
    return at_once
      ? `Nobody sees any of it from then on, and it does not come back. ${who}`
      : `Nothing new is recorded from then on. For 30 days everybody can take with them what is theirs, and whoever may erase the organisation can keep it; then it is erased. ${who}`;
  }
  return state === "closing"
    ? "Nothing is erased, and recorders begin again. It is on record."
    : "Nothing is erased. It can be proposed again. It is on record.";
}

/**
 * For whom it waits and until when, as far as who looks can know. That nobody else could agree was so when it was
 * proposed: somebody who may agree now ends that, and whoever proposed it cannot see whether there is anybody.
 */
export function waitWords(proposal: Proposal, looker: Looker, now: Date): string | null {
  if (proposal.state === "closing") {
    const agreed =
      proposal.decided_by === null ? "Nobody else could agree" : `${proposal.decided_by.name} agreed`;
    const day = proposal.closes_at === null ? "its day" : formatMoment(proposal.closes_at);
    return `${agreed}. It is closing: nothing new is recorded, and everything is erased on ${day}, or later where a legal hold keeps anything of it.`;
  }
  if (proposal.state !== "waits") return null;
  const end = formatMoment(proposal.ends_at);
  const mayAgree = proposalOffers(proposal, looker).includes("agree");
  if (!proposal.alone) {
    return `${mayAgree ? "You may agree or refuse" : "Somebody else who may erase this agrees or refuses"} until ${end}; after that it is over.`;
  }
  if (mayAgree) {
    return `When it was proposed nobody else could agree. You can, so it does not happen by itself any more: agree or refuse until ${end}; after that it is over.`;
  }
  if (Date.parse(proposal.ends_at) <= now.getTime()) {
    return `Its time ended on ${end}. It is erased any minute now, or over where somebody else may agree by now.`;
  }
  return `When it was proposed nobody else could agree. If that is still so on ${end}, ${proposal.at_once ? "it happens by itself" : "30 days of closing begin by themselves"} then; where somebody else may by then and has not agreed, it is over.`;
}
