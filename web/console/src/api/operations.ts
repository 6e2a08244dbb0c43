/** One function per operation of the API that the console uses. Playing has its own in src/player. */
import { call, callEmpty, fetchFile, makeFile, type Progress, type Query } from "./client";
import * as t from "./types";

const seg = encodeURIComponent;

export const getSession = (signal?: AbortSignal) => call("GET", "/session", t.Session, opt(signal));
export const signIn = (email: string, password: string) =>
  call("POST", "/session", t.SignInAnswer, { body: { email, password } });
export const signInByLink = (token: string) =>
  call("POST", "/session/link", t.SignInAnswer, { body: { token } });
export const signInWithCode = (token: string, code: string) =>
  call("POST", "/session/second-factor", t.Session, { body: { token, code } });
/** Proves once more who one is: by the password, or by six digits of the app. */
export const stepUp = (proof: string) =>
  callEmpty("POST", "/session/step-up", {
    body: /^\d{6}$/.test(proof) ? { code: proof } : { password: proof },
  });
export const changePassword = (body: { old?: string; new: string }) =>
  callEmpty("PUT", "/session/password", { body });
export const getFactor = (signal?: AbortSignal) => call("GET", "/session/factor", t.Factor, opt(signal));
export const beginFactor = () => call("POST", "/session/factor", t.Enrolment);
export const confirmFactor = (code: string) =>
  call("POST", "/session/factor/confirm", t.RecoveryCodes, { body: { code } });
export const removeFactor = () => callEmpty("DELETE", "/session/factor");
export const renewRecoveryCodes = () => call("POST", "/session/factor/recovery-codes", t.RecoveryCodes);
export const acceptInvitation = (token: string, password: string) =>
  call("POST", "/session/invitation", t.Session, { body: { token, password } });
/** The answer is the same for every address. */
export const forgotPassword = (email: string) => callEmpty("POST", "/session/forgotten", { body: { email } });
export const resetPassword = (token: string, password: string) =>
  call("POST", "/session/reset", t.SignInAnswer, { body: { token, password } });
export interface FirstOrganisation {
  token: string;
  organisation: string;
  name: string;
  email: string;
  password: string;
}
export const setUp = (body: FirstOrganisation) => call("POST", "/set-up", t.Session, { body });
export const signOut = () => callEmpty("DELETE", "/session");
export const signOutEverywhere = () => callEmpty("DELETE", "/sessions");
export const endSession = (id: string) => callEmpty("DELETE", `/sessions/${seg(id)}`);
export const listSessions = (signal?: AbortSignal) =>
  call("GET", "/sessions", t.SignedInSessionList, opt(signal));

export const listRecordings = (query: Query, signal?: AbortSignal) =>
  call("GET", "/recordings", t.RecordingList, { query, ...opt(signal) });
export const getRecording = (id: string, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(id)}`, t.Recording, opt(signal));

/** The recording as one file. */
export const exportRecording = (
  id: string,
  reason: string,
  told: (progress: Progress) => void,
  signal?: AbortSignal,
) =>
  makeFile(`/recordings/${seg(id)}/export`, { body: reason === "" ? {} : { reason }, ...opt(signal) }, told);

export const askToWatch = (recording: string, reason: string) =>
  call("POST", `/recordings/${seg(recording)}/views`, t.AskedView, { body: { reason } });
export const listViews = (signal?: AbortSignal) => call("GET", "/views", t.ViewList, opt(signal));
export const answerView = (id: string, answer: "allowed" | "refused") =>
  callEmpty("POST", `/views/${seg(id)}/answer`, { body: { answer } });

export const listViewers = (id: string, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(id)}/viewers`, t.ViewerList, opt(signal));

export const listAudit = (query: Query, signal?: AbortSignal) =>
  call("GET", "/audit", t.AuditList, { query, ...opt(signal) });
/** One entry by its number: an audit list goes on before the number that is its cursor. */
export const getAuditEntry = async (number: number, signal?: AbortSignal) => {
  const query = { cursor: number + 1, limit: 1 };
  const list = await call("GET", "/audit", t.AuditList, { query, ...opt(signal) });
  return list.items.find((entry) => entry.number === number) ?? null;
};
export const verifyAudit = () => call("GET", "/audit/verify", t.AuditCheck);
export const ledgerProofs = (query: { since: number; entry: number }, signal?: AbortSignal) =>
  call("GET", "/ledger/proof", t.LedgerProofs, { query, ...opt(signal) });

export const listSites = (signal?: AbortSignal) => call("GET", "/sites", t.SiteList, opt(signal));
export const createSite = (body: { name: string; origins: string[] }) =>
  call("POST", "/sites", t.Site, { body });
export const getSite = (id: string, signal?: AbortSignal) =>
  call("GET", `/sites/${seg(id)}`, t.Site, opt(signal));
export const changeSite = (id: string, body: { name?: string; origins?: string[] }) =>
  call("PATCH", `/sites/${seg(id)}`, t.Site, { body });
export const rotateSiteKey = (id: string) => call("POST", `/sites/${seg(id)}/key`, t.Site);
export const listReceipts = (id: string, after: number, signal?: AbortSignal) =>
  call("GET", `/sites/${seg(id)}/receipts`, t.ReceiptList, { query: { after }, ...opt(signal) });

/** Brings in a recording made elsewhere. `json` goes out as it lies in the file: it may be large. */
export const importRecording = (id: string, json: Blob) =>
  call("POST", `/sites/${seg(id)}/imports`, t.ImportResult, { raw: json });

export const getPolicy = (site: string, signal?: AbortSignal) =>
  call("GET", `/sites/${seg(site)}/policy`, t.SitePolicy, opt(signal));
export const checkPolicy = (site: string, document: t.PolicyDocument, signal?: AbortSignal) =>
  call("POST", `/sites/${seg(site)}/policy/check`, t.PolicyCheck, { body: { document }, ...opt(signal) });
export const signPolicy = (site: string, document: t.PolicyDocument, basedOn: number) =>
  call("PUT", `/sites/${seg(site)}/policy`, t.SignedPolicy, { body: { document, based_on: basedOn } });

export const getInside = (id: string, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(id)}/inside`, t.Inside, opt(signal));
export const getInsideBytes = (id: string, track: string, sequence: number, signal?: AbortSignal) =>
  call("GET", `/recordings/${seg(id)}/inside/${seg(track)}/${sequence}`, t.InsideBytes, opt(signal));

export const listPeople = (query: Query, signal?: AbortSignal) =>
  call("GET", "/people", t.PersonList, { query, ...opt(signal) });
export const getPerson = (id: string, signal?: AbortSignal) =>
  call("GET", `/people/${seg(id)}`, t.PersonInFull, opt(signal));
export interface Invitation {
  name: string;
  email: string;
  role: string;
  team: string | null;
  manager: string | null;
}
export const invitePerson = (body: Invitation) => call("POST", "/people", t.Invitee, { body });
export const inviteAgain = (id: string) => call("POST", `/people/${seg(id)}/invitation`, t.Invitee);
export const setRoles = (id: string, body: { role: string; also: string[] }) =>
  call("PUT", `/people/${seg(id)}/roles`, t.Person, { body });
export const setManager = (id: string, manager: string | null) =>
  call("PUT", `/people/${seg(id)}/manager`, t.Person, { body: { manager } });
export const setTeam = (id: string, team: string | null) =>
  call("PUT", `/people/${seg(id)}/team`, t.Person, { body: { team } });
export const takeAccessAway = (id: string) => call("DELETE", `/people/${seg(id)}`, t.Person);
export const bringBack = (id: string) => call("POST", `/people/${seg(id)}/restore`, t.Person);
export const keepOut = (id: string, body: { ends_at: string; reason: string }) =>
  call("POST", `/people/${seg(id)}/blocks`, t.Person, { body });
export const letIn = (id: string, block: string) =>
  call("DELETE", `/people/${seg(id)}/blocks/${seg(block)}`, t.Person);
/** Kept of the file is a small square, and nothing else that was in it. */
export const setPicture = (id: string, file: Blob) =>
  call("PUT", `/people/${seg(id)}/picture`, t.Person, { file });
export const removePicture = (id: string) => call("DELETE", `/people/${seg(id)}/picture`, t.Person);
/** Where the browser fetches a picture itself. */
export const pictureAddress = (id: string, version: number, size: 64 | 256) =>
  `/api/v1/people/${seg(id)}/picture?size=${size}&version=${version}`;
export const getTree = (signal?: AbortSignal) => call("GET", "/tree", t.Tree, opt(signal));
export const addNode = (body: { kind: string; name: string; parent: string | null }) =>
  call("POST", "/tree", t.TreeNode, { body });
export const renameNode = (id: string, name: string) =>
  call("PATCH", `/tree/${seg(id)}`, t.TreeNode, { body: { name } });
/** Hangs it from another node; from the organisation where there is none. */
export const moveNode = (id: string, parent: string | null) =>
  call("PATCH", `/tree/${seg(id)}`, t.TreeNode, { body: { parent } });
/** What hanging something elsewhere would make other there and below; nothing is moved. */
export const checkMove = (node: string, to: string | null, signal?: AbortSignal) =>
  call("POST", "/settings/check-move", t.Effects, { body: { node, to }, ...opt(signal) });
export const removeNode = (id: string) => callEmpty("DELETE", `/tree/${seg(id)}`);

/** What holds at a place of the tree; without one, in the organisation. */
export const listSettings = (signal?: AbortSignal, node?: string | null) =>
  call("GET", "/settings", t.SettingList, { query: { node }, ...opt(signal) });
export const getSettingHistory = (name: string, signal?: AbortSignal) =>
  call("GET", `/settings/${seg(name)}/history`, t.SettingHistory, opt(signal));
/** What saying it would change; nothing is said. */
export const checkSetting = (body: { name: string; value: unknown; lock: string; node?: string }) =>
  call("POST", "/settings/check", t.Effects, { body });
export interface Said {
  value: unknown;
  lock: string;
  reason: string;
  /** The place; the organisation where none is named. */
  node?: string;
  /** How many recordings it makes due at once, as it was shown. */
  confirms?: number;
}
/** Says it, on top of the version somebody saw. */
export const saySetting = (name: string, version: number, { reason, ...said }: Said) =>
  call("PUT", `/settings/${seg(name)}`, t.SettingsVersion, {
    body: { ...said, ...(reason === "" ? {} : { reason }) },
    basedOn: version,
  });

export const getMyData = (query: Query, signal?: AbortSignal) =>
  call("GET", "/my/data", t.MyData, { query, ...opt(signal) });

export const listErasures = (query: Query, signal?: AbortSignal) =>
  call("GET", "/erasures", t.ErasureList, { query, ...opt(signal) });
/** Without `range` the whole recording. */
export const eraseRecording = (
  id: string,
  body: { range?: { from_us: number; to_us: number }; reason?: string },
) => call("POST", `/recordings/${seg(id)}/erasures`, t.Erasure, { body });
/** Everything about a person or visitor, with their account. */
export const eraseSubject = (id: string, body: { recordings_only?: boolean; reason?: string }) =>
  call("POST", `/subjects/${seg(id)}/erasures`, t.Erasure, { body });

export const listMyRequests = (signal?: AbortSignal) =>
  call("GET", "/my/requests", t.DataRequestList, opt(signal));
export const askForMyData = (body: { kind: string; words?: string }) =>
  call("POST", "/my/requests", t.DataRequest, { body });
export const withdrawRequest = (id: string) =>
  call("POST", `/my/requests/${seg(id)}/withdraw`, t.DataRequest, { body: {} });
export const listRequests = (signal?: AbortSignal) =>
  call("GET", "/requests", t.DataRequestList, opt(signal));
/** For somebody who cannot ask here themselves. */
export const enterRequest = (body: { subject: string; kind: string; words?: string }) =>
  call("POST", "/requests", t.DataRequest, { body });
export const fulfilRequest = (id: string, body: { answer?: string }) =>
  call("POST", `/requests/${seg(id)}/fulfil`, t.DataRequest, { body });
export const declineRequest = (id: string, body: { reason: string }) =>
  call("POST", `/requests/${seg(id)}/decline`, t.DataRequest, { body });
export const extendRequest = (id: string, body: { reason: string }) =>
  call("POST", `/requests/${seg(id)}/extend`, t.DataRequest, { body });
/** Addresses of files, which the browser fetches and saves itself. */
export const exportAudit = (query: Query) => fetchFile("/audit/export", query);
export const myExportAddress = (id: string) => `/api/v1/my/requests/${seg(id)}/export`;
export const exportAddress = (id: string) => `/api/v1/requests/${seg(id)}/export`;

export const listFindings = (signal?: AbortSignal) =>
  call("GET", "/health/findings", t.FindingList, opt(signal));

function opt(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
