/** What somebody who runs an organisation has to look at, a line each, with the place where it is mended. */
import type { Proposal } from "../api/erasing";
import type { Hold, Sweeping } from "../api/keeping";
import type { KeyItem } from "../api/keys";
import type { Broken } from "../api/rows";
import type { AuditItem, Finding, Person } from "../api/types";
import { keyEnd } from "./apiKeys";
import { namesOf, plural } from "./format";
import { offers, reviewDue } from "./holds";
import { doomedWords, type Looker, proposalOffers } from "./proposals";
import { sweepStanding } from "./retention";

export type LineLevel = "ok" | "attention" | "failed";

export interface OverviewLine {
  level: LineLevel;
  sentence: string;
  /** What there is to know besides, or to do. */
  note?: string;
}

const attention = (sentence: string, note?: string): OverviewLine => ({
  level: "attention",
  sentence,
  ...(note === undefined ? {} : { note }),
});
const ok = (sentence: string): OverviewLine => ({ level: "ok", sentence });

/** One's own second factor. */
export function factorLine(since: string | null, recoveryCodes: number): OverviewLine {
  if (since === null) {
    return attention("You sign in by your password alone.", "Set up an authenticator app.");
  }
  return recoveryCodes === 0
    ? attention("You have no recovery codes left.", "Make new ones while you have your app.")
    : ok("You sign in with an authenticator app.");
}

type Named = Pick<Person, "name">;

/** Those who were invited and have not come. */
export function invitedLine(people: readonly Named[], more: boolean): OverviewLine {
  if (people.length === 0) return ok("Everybody who was invited has come.");
  const many = more
    ? `More than ${plural(people.length, "person", "people")}`
    : plural(people.length, "person", "people");
  const have = people.length === 1 && !more ? "was invited and has" : "were invited and have";
  return attention(
    `${many} ${have} not come.`,
    `${namesOf(
      people.map(({ name }) => name),
      more,
    )}.`,
  );
}

/** Those who are kept out for a time. It ends by itself, so there is nothing to do. */
export function keptOutLine(people: readonly Named[], more: boolean): OverviewLine {
  if (people.length === 0) return ok("Nobody is kept out.");
  const are = people.length === 1 && !more ? "is" : "are";
  return {
    level: "ok",
    sentence: `${namesOf(
      people.map(({ name }) => name),
      more,
    )} ${are} kept out for a time.`,
  };
}

/** Keys of programs that stop soon, or have stopped. */
export function keysLine(keys: readonly KeyItem[], now: Date): OverviewLine {
  const soon = keys.filter((key) => keyEnd(key, now) === "soon");
  const ended = keys.filter((key) => keyEnd(key, now) === "ended");
  if (soon.length > 0) {
    const end = soon.length === 1 ? "ends" : "end";
    return attention(
      `${plural(soon.length, "API key")} ${end} within two weeks.`,
      `${namesOf(soon.map(({ name }) => name))}. What uses them is refused from then on.`,
    );
  }
  if (ended.length > 0) {
    return attention(
      `${plural(ended.length, "API key has", "API keys have")} ended.`,
      `${namesOf(ended.map(({ name }) => name))}. Make anew what is still used, and end the rest.`,
    );
  }
  return ok(keys.length === 0 ? "No program has a key." : "No API key ends within two weeks.");
}

/** Holds that wait for whoever looks, then those to look at again. */
export function holdsLine(holds: readonly Hold[], me: string, now: Date): OverviewLine {
  const mine = holds.filter((hold) => offers(hold, me).includes("confirm"));
  if (mine.length > 0) {
    return attention(
      `${plural(mine.length, "hold waits", "holds wait")} for you.`,
      `${namesOf(mine.map(({ matter }) => matter))}.`,
    );
  }
  const review = holds.filter((hold) => reviewDue(hold, now));
  if (review.length > 0) {
    return attention(
      `${plural(review.length, "hold was", "holds were")} to be looked at again by now.`,
      `${namesOf(review.map(({ matter }) => matter))}.`,
    );
  }
  const others = holds.filter((hold) => offers(hold, me).includes("withdraw"));
  return {
    ...ok("No hold waits for you."),
    ...(others.length > 0
      ? { note: `${plural(others.length, "of yours waits", "of yours wait")} for somebody else.` }
      : {}),
  };
}

/** Whether erasing what is due goes on. */
export function sweepLine(sweep: Sweeping): OverviewLine {
  if (sweepStanding(sweep) === "stopped") {
    return {
      level: "failed",
      sentence: "Nothing is swept: the clock of the installation is in doubt.",
      note: "Whoever runs the server sets it right and confirms the time.",
    };
  }
  if (sweepStanding(sweep) !== "waits") return ok("What is due is erased in its time.");
  return {
    level: "failed",
    sentence: `The sweep waits: ${plural(sweep.due, "recording is", "recordings are")} due, far more than was foreseen.`,
    note: "Find out why, then confirm it. Nothing is erased until then.",
  };
}

/** Erasures that somebody proposed and that wait for whoever looks. */
export function proposalsLine(
  proposals: readonly Proposal[],
  looker: Looker,
  broken: readonly Broken[] = [],
): OverviewLine {
  const mine = proposals.filter((proposal) => proposalOffers(proposal, looker).includes("agree"));
  if (mine.length > 0) {
    return attention(
      `${plural(mine.length, "erasure waits", "erasures wait")} for you.`,
      `${namesOf(mine.map(doomedWords))}.`,
    );
  }
  const unread = broken.filter(({ state }) => state === null || state === "waits");
  if (unread.length > 0) {
    return attention(`${plural(unread.length, "proposed erasure", "proposed erasures")} cannot be shown.`);
  }
  const own = proposals.filter((proposal) => proposalOffers(proposal, looker).includes("withdraw"));
  const alone = own.filter((proposal) => proposal.alone);
  const others = own.length - alone.length;
  const notes = [
    others > 0 ? `${plural(others, "of yours waits", "of yours wait")} for somebody else.` : null,
    alone.length > 0
      ? `${plural(alone.length, "of yours happens by itself", "of yours happen by themselves")}, unless somebody else may agree by then.`
      : null,
  ].filter((note) => note !== null);
  return {
    ...ok("No erasure waits for you."),
    ...(notes.length > 0 ? { note: notes.join(" ") } : {}),
  };
}

/** Findings of Health that a line of their own tells already. */
const TOLD = ["sweep-waits", "holds", "erasure-proposals"];

/** What the installation says of itself. */
export function healthLine(findings: readonly Finding[]): OverviewLine {
  const open = findings.filter(({ level, id }) => level !== "ok" && !TOLD.includes(id));
  const [first] = open.filter(({ level }) => level === "failed").concat(open);
  if (first === undefined) return ok("Every check of the installation is in order.");
  const level = first.level === "failed" ? "failed" : "attention";
  return {
    level,
    sentence: `${plural(open.length, "check needs", "checks need")} somebody.`,
    note: first.sentence,
  };
}

/** Sign-ins that were refused in the last days. One or two are slips; more from one person are told. */
export function refusedLine(entries: readonly AuditItem[], more: boolean): OverviewLine {
  if (entries.length === 0) return ok("No sign-in was refused in the last 7 days.");
  const whom = new Map<string, number>();
  for (const { actor, object } of entries) {
    const name = actor.name ?? object?.label ?? "somebody unknown";
    whom.set(name, (whom.get(name) ?? 0) + 1);
  }
  const most = [...whom].sort((a, b) => b[1] - a[1]);
  const often = most.some(([, times]) => times > 2);
  const count = more ? `More than ${plural(entries.length, "sign-in")}` : plural(entries.length, "sign-in");
  const were = entries.length === 1 && !more ? "was" : "were";
  const sentence = `${count} ${were} refused in the last 7 days.`;
  const note = `${namesOf(most.map(([name, times]) => (times > 1 ? `${name} (${times} times)` : name)))}.`;
  return often || more ? attention(sentence, note) : { level: "ok", sentence, note };
}

/** What is to be done, in one sentence. */
export function summary(lines: readonly OverviewLine[]): string {
  const open = lines.filter(({ level }) => level !== "ok").length;
  return open === 0 ? "Nothing waits for anybody." : `${plural(open, "line needs", "lines need")} somebody.`;
}
