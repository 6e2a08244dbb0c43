/** What the console says about requests of recorded people: what they ask for, and how they stand, in words. */
import type { Proposal } from "../api/erasing";
import type { DataRequest } from "../api/types";
import { formatDate, timeLeft } from "./format";

export const KINDS = ["access", "export", "erase_recordings", "erase"] as const;
export type Kind = (typeof KINDS)[number];

/** What somebody asks for of their own data. */
export const askWords: Record<Kind, { name: string; means: string }> = {
  access: {
    name: "See what is held",
    means: "A page of what is kept about you, until when, and who looked. You have it at once.",
  },
  export: {
    name: "Have it as a file",
    means: "The same, with what your recordings show. Somebody of your organisation decides about it.",
  },
  erase_recordings: {
    name: "Have recordings erased",
    means:
      "Every recording about you that there is. Your account stays, and you may be recorded again. Somebody of your organisation decides about it.",
  },
  erase: {
    name: "Have it erased",
    means: "Everything about you, with your account. Somebody of your organisation decides about it.",
  },
};

const kindNames: Record<Kind, string> = {
  access: "To see what is held",
  export: "To have it as a file",
  erase_recordings: "To have recordings erased",
  erase: "To be erased",
};

/** A kind of request, in a list. One that came with a newer server is called by its own word. */
export function kindName(kind: string): string {
  return KINDS.some((known) => known === kind) ? kindNames[kind as Kind] : kind;
}

/** Each kind of request by which something is erased, with what is proposed to fulfil it. */
const ERASING: Record<string, string> = { erase: "subject", erase_recordings: "recordings" };

/** Whether something is erased where it is done. */
export const erases = ({ kind }: Pick<DataRequest, "kind">): boolean => kind in ERASING;

/** Whether it takes two people: what is asked is that somebody with an account be erased, or all their recordings. */
export function takesTwo({ kind, about }: Pick<DataRequest, "kind" | "about">): boolean {
  return erases({ kind }) && about.person !== null;
}

/** Whether one person did what was asked, which erases nothing before a second one agrees. */
export function isProposed(request: DataRequest): boolean {
  return takesTwo(request) && waits(request) && request.decided_at !== null;
}

/** What was proposed last about whom it is about, of a list that has the newest first. */
export function proposalFor(request: DataRequest, proposals: readonly Proposal[]): Proposal | null {
  if (!isProposed(request)) return null;
  const proposed = ERASING[request.kind];
  return proposals.find(({ kind, target }) => kind === proposed && target === request.about.id) ?? null;
}

/**
 * How a request stands, in a few words. `proposal` is what was proposed of it, where who looks may know: one that was
 * refused, taken back or is over waits for nobody.
 */
export function standing(request: DataRequest, now: Date, proposal: Proposal | null = null): string {
  if (request.erasure?.state === "restricted") return "kept by a legal hold";
  switch (request.state) {
    case "open": {
      if (request.erasure !== null) return "being erased";
      const due = request.overdue
        ? `was due on ${formatDate(request.due_at)}`
        : `due in ${timeLeft(request.due_at, now).text}`;
      if (!isProposed(request) || (proposal !== null && proposal.state !== "waits")) return due;
      return request.overdue ? `waits for a second person, ${due}` : "waits for a second person";
    }
    case "done":
      return erases(request) ? "erased" : "done";
    case "declined":
      return "declined";
    case "withdrawn":
      return "taken back";
    default:
      return request.state;
  }
}

/** Whether somebody has to decide about it. */
export function waits(request: DataRequest): boolean {
  return request.state === "open" && request.erasure === null;
}

/** Whether what was asked for can be had now. */
export function available(request: DataRequest, now: Date): boolean {
  return request.available_until !== null && new Date(request.available_until) > now;
}
