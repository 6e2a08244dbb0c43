/** What the extension remembers between runs, and what the organisation fixed for this browser. */
import type { Enrolment } from "./server/server";

export interface Joined {
  readonly enrolment: Enrolment;
  /** The version of the notice the person was shown and said to have read. */
  readonly noticeRead: string;
  readonly microphone: boolean;
  /** The highest version that was believed of the policies one organisation signs. It outlives leaving. */
  readonly policyFloor: { readonly key: string; readonly version: number };
  /** A code the organisation set that was tried: it works once. */
  readonly triedCode: string;
}

export const SETTINGS = {
  enrolment: "enrolment",
  noticeRead: "noticeRead",
  microphone: "microphone",
  policyFloor: "policyFloor",
  triedCode: "triedCode",
} as const;

/** In the session's storage: what the recorder told last before it was closed. */
export const LAST = "last";

export async function readEnrolled(): Promise<Enrolment | null> {
  const { enrolment } = await chrome.storage.local.get<Partial<Joined>>(SETTINGS.enrolment);
  return enrolment ?? null;
}

/** `key`: that policies of the organisation are signed with. */
export async function readPolicyFloor(key: string): Promise<number> {
  const { policyFloor } = await chrome.storage.local.get<Partial<Joined>>(SETTINGS.policyFloor);
  return policyFloor?.key === key ? policyFloor.version : 0;
}

export async function raisePolicyFloor(key: string, version: number): Promise<void> {
  if (version <= (await readPolicyFloor(key))) return;
  await chrome.storage.local.set({ [SETTINGS.policyFloor]: { key, version } });
}

export interface Managed {
  /** The only server there is, as an origin. */
  readonly server: string | null;
  readonly label: string | null;
  /** To join that server with, by one click of the person it was made for. */
  readonly code: string | null;
  readonly framesPerSecond: number;
}

const CODE = /^cre_[\w-]{8,200}$/;
const LONGEST_LABEL = 80;

/** The log and the pictures are in step within a tenth of a second. */
const FRAMES_PER_SECOND = 15;

/** `null` for what is no origin that could be a server: https, or http on this machine. */
export function serverOrigin(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { origin, protocol, hostname } = new URL(address);
  const isLocal = protocol === "http:" && /^(?:localhost|127\.0\.0\.1)$/.test(hostname);
  return protocol === "https:" || isLocal ? origin : null;
}

export async function managed(): Promise<Managed> {
  const told = await chrome.storage.managed.get<Record<string, unknown>>();
  const { server, label, code, frames_per_second: frames } = told;
  const isRate = typeof frames === "number" && frames >= 1 && frames <= 30;
  return {
    // An address that cannot be used leaves no server, not the choice of any.
    server: typeof server === "string" ? (serverOrigin(server) ?? "") : null,
    label: typeof label === "string" && label.trim() !== "" ? label.trim().slice(0, LONGEST_LABEL) : null,
    code: typeof code === "string" && CODE.test(code) ? code : null,
    framesPerSecond: isRate ? frames : FRAMES_PER_SECOND,
  };
}

/** What a link to join says: which server, and the code. `null` for anything else. */
export function readJoinLink(link: string): { readonly server: string; readonly code: string } | null {
  const server = serverOrigin(link);
  if (server === null) return null;
  const { pathname, hash } = new URL(link);
  const code = new URLSearchParams(hash.slice(1)).get("code") ?? "";
  return pathname === "/enrol" && CODE.test(code) ? { server, code } : null;
}

/** The link to join with that the organisation set, where it was not tried yet. */
export async function managedLink({ server, code }: Managed): Promise<string | null> {
  if (!server || !code) return null;
  const { triedCode } = await chrome.storage.local.get<Partial<Joined>>(SETTINGS.triedCode);
  return triedCode === code ? null : `${server}/enrol#code=${code}`;
}
