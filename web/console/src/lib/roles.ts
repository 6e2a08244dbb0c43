/** Roles as a table that people read: actions in groups, one column for each role. */
import type { Right, Role, Scope } from "../api/roles";
import { actionWords } from "./auditFilter";
import { roleWords } from "./people";

/** Groups of actions, by what stands before the dot. Whatever has no group stands last. */
const GROUPS: readonly { name: string; of: readonly string[] }[] = [
  { name: "Recordings", of: ["recording", "playlist", "view", "subject", "erasure"] },
  { name: "People and what they may do", of: ["person", "block", "role", "tree", "organisation", "support"] },
  {
    name: "What is captured, and how long it is kept",
    of: ["site", "policy", "setting", "retention", "hold"],
  },
  { name: "Requests and the record", of: ["request", "audit", "health"] },
  { name: "Signing in, and programs", of: ["session", "credential", "factor", "key", "recorder"] },
  { name: "Oneself", of: ["profile", "mine"] },
];

export interface ActionGroup {
  name: string;
  actions: string[];
}

/** Every action that any of these roles may do, in groups, each in order. */
export function grouped(roles: readonly Role[]): ActionGroup[] {
  const all = [...new Set(roles.flatMap((role) => Object.keys(role.rights)))].sort();
  const area = (action: string) => action.split(".")[0] ?? "";
  const known = GROUPS.map(({ name, of }) => ({
    name,
    actions: all.filter((one) => of.includes(area(one))),
  }));
  const rest = all.filter((one) => !GROUPS.some(({ of }) => of.includes(area(one))));
  return [...known, { name: "Else", actions: rest }].filter(({ actions }) => actions.length > 0);
}

/** What a role is called. */
export const roleName = (role: Pick<Role, "id" | "name">): string =>
  role.name ?? roleWords[role.id] ?? role.id;

const REACH: Record<Scope, string> = { own: "own", reports: "reports", organisation: "all" };
export const reachWords: Record<Scope, string> = {
  own: "what is about oneself",
  reports: "what is about oneself and who reports to one",
  organisation: "everything of the organisation",
};

/** A right in a word or two, and in a sentence for who points at it or hears it. */
export function rightWords(right: Right | undefined): { short: string; long: string } {
  if (!right) return { short: "–", long: "not allowed" };
  const conditions = [
    right.setting && `if the rule ${right.setting} says so`,
    right.says && `while ${right.says.setting} is ${right.says.any.join(" or ")}`,
    right.wider &&
      `${right.wider.scope === "organisation" ? "all" : right.wider.scope} while ${right.wider.setting} is ${right.wider.is}${right.wider.also ? ` and ${right.wider.also} is on` : ""}`,
    right.visitors && `visitors too while ${right.visitors} is on`,
    right.step_up && "after proving once more who one is",
    right.granted && "while a grant says so",
  ].filter((one): one is string => typeof one === "string");
  const marks = `${right.setting || right.says || right.wider || right.visitors ? "*" : ""}${right.step_up ? "†" : ""}${right.granted ? "‡" : ""}`;
  return {
    short: REACH[right.scope] + marks,
    long: [reachWords[right.scope], ...conditions].join("; "),
  };
}

const NAMES: Record<string, string> = {
  "recording.list": "See recordings in lists",
  "recording.read": "See what a recording is",
  "recording.play": "Watch recordings",
  "recording.follow": "Watch what is still being recorded",
  "recording.comment": "Read and write comments on recordings",
  "recording.clip": "Name parts of recordings as clips",
  "recording.review": "Put recordings up for review, and say that they were",
  "playlist.manage": "Have playlists, of what one sees anyway",
  "recording.export": "Take recordings of screens along as films",
  "recording.inspect": "Look inside a recording: where its bytes lie",
  "recording.import": "Bring recordings in",
  "recording.delete": "Delete recordings, for a time",
  "recording.restore": "Bring deleted recordings back",
  "recording.erase": "Erase recordings for good",
  "subject.erase": "Erase everything about a person",
  "organisation.erase": "Erase the organisation",
  "erasure.read": "See what was erased, and receipts",
  "view.ask": "Ask a second person to agree to watching",
  "view.answer": "Agree to what others want to watch",
  "person.list": "See people in lists",
  "person.read": "See one person",
  "person.invite": "Invite people",
  "person.manage": "Let people in and keep them out",
  "block.read": "See which networks and browsers are kept out",
  "block.manage": "Keep networks and browsers out for a time",
  "person.roles": "Give and take roles",
  "support.grant": "Let somebody from outside in",
  "support.end": "Show them out",
  "support.read": "See who is let in, and what they do",
  "person.picture": "Set and remove pictures of people",
  "person.line": "Say who reports to whom",
  "role.read": "See this table",
  "role.manage": "Make and change roles",
  "tree.read": "See domains, projects and teams",
  "tree.edit": "Change domains, projects and teams",
  "site.list": "See sites",
  "site.manage": "Set sites up",
  "policy.edit": "Say what is captured",
  "policy.tighten": "Let less be captured, and never more",
  "setting.read": "See rules, and who set them",
  "setting.write.business": "Set rules for the organisation",
  "setting.write.below": "Set rules for a part of it",
  "setting.write.own": "Say for oneself what rules leave open",
  "setting.relax": "Let rules protect less in a part of it",
  "retention.read": "See how long what is kept",
  "retention.confirm": "Let a sweep that waits go on",
  "retention.shorten": "Keep things for a shorter time, and never a longer one",
  "hold.read": "See holds",
  "hold.place": "Hold things, and let them go",
  "request.ask": "Ask for one's own data",
  "request.manage": "Answer requests of recorded people",
  "request.export": "Fetch what a request hands out",
  "audit.read": "Read the audit log",
  "audit.export": "Take the audit log along",
  "health.read": "See the health of the installation",
  "session.end": "End sessions",
  "credential.change": "Change one's password",
  "factor.manage": "Set up one's second factor",
  "factor.reset": "Take a lost second factor away",
  "recorder.enrol": "Let a browser record one's screen",
  "recorder.read": "See browsers that record screens",
  "recorder.end": "End such a browser",
  "key.read": "See API keys",
  "key.manage": "Make and end API keys",
  "profile.read": "See one's own name",
  "mine.read": "See what is kept about oneself",
};

/** What an action is, in words. One this console does not know keeps its own. */
export const rightName = (action: string): string => NAMES[action] ?? actionWords(action);

/** The scopes that a right of one's own role may have: none wider than the widest built-in one. */
export function scopesOf(action: string, roles: readonly Role[]): Scope[] {
  const order: Scope[] = ["own", "reports", "organisation"];
  const widest = roles
    .filter((role) => role.builtin)
    .flatMap((role) => {
      const right = role.rights[action];
      return right ? [right.scope, (right.wider?.scope as Scope | undefined) ?? right.scope] : [];
    });
  const most = Math.max(-1, ...widest.map((scope) => order.indexOf(scope)));
  return order.slice(0, most + 1);
}
