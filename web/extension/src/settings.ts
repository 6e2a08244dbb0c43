/** What the extension remembers between runs, and what the organisation fixed for this browser. */
import type { Enrolment } from "./server/server";

export interface Joined {
  readonly enrolment: Enrolment;
  /** The version of the notice the person was shown and said to have read. */
  readonly noticeRead: string;
  readonly microphone: boolean;
  /** The highest version of the policy that was believed, of this enrolment. */
  readonly policyFloor: { readonly recorder: string; readonly version: number };
}

export const SETTINGS = {
  enrolment: "enrolment",
  noticeRead: "noticeRead",
  microphone: "microphone",
  policyFloor: "policyFloor",
} as const;

/** In the session's storage: what the recorder told last before it was closed. */
export const LAST = "last";

export async function readEnrolled(): Promise<Enrolment | null> {
  const { enrolment } = await chrome.storage.local.get<Partial<Joined>>(SETTINGS.enrolment);
  return enrolment ?? null;
}

export async function readPolicyFloor(recorder: string): Promise<number> {
  const { policyFloor } = await chrome.storage.local.get<Partial<Joined>>(SETTINGS.policyFloor);
  return policyFloor?.recorder === recorder ? policyFloor.version : 0;
}

export async function raisePolicyFloor(recorder: string, version: number): Promise<void> {
  if (version <= (await readPolicyFloor(recorder))) return;
  await chrome.storage.local.set({ [SETTINGS.policyFloor]: { recorder, version } });
}

export interface Managed {
  /** The only server there is, as an origin. */
  readonly server: string | null;
  readonly label: string | null;
  readonly framesPerSecond: number;
}

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
  const { server, label, frames_per_second: frames } = told;
  const isRate = typeof frames === "number" && frames >= 1 && frames <= 30;
  return {
    // An address that cannot be used leaves no server, not the choice of any.
    server: typeof server === "string" ? (serverOrigin(server) ?? "") : null,
    label: typeof label === "string" && label !== "" ? label : null,
    framesPerSecond: isRate ? frames : FRAMES_PER_SECOND,
  };
}

/** What a link to join says: which server, and the code. `null` for anything else. */
export function readJoinLink(link: string): { readonly server: string; readonly code: string } | null {
  const server = serverOrigin(link);
  if (server === null) return null;
  const { pathname, hash } = new URL(link);
  const code = new URLSearchParams(hash.slice(1)).get("code") ?? "";
  return pathname === "/enrol" && /^cre_[\w-]{8,200}$/.test(code) ? { server, code } : null;
}
