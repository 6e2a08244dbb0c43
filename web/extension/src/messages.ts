/** What the parts of the extension say to each other. Each message names whom it is for, and is read before use. */
import type { GapReason } from "./media/segment";
import type { ScreenPolicy, Surface } from "./policy/screen";
import type { SeenTab, Went } from "./rules/gate";
import type { Slice } from "./run/slices";
import type { Enrolment, Watcher } from "./server/server";

export interface BeginWish {
  readonly surface: Surface;
  readonly tab: number | null;
  readonly microphone: boolean;
  readonly notice: string;
}

export interface Begin extends BeginWish {
  readonly enrolment: Enrolment;
  readonly streamId: string | null;
  readonly framesPerSecond: number;
  /** The highest version of the policy that was ever believed here. */
  readonly policyFloor: number;
}

/** What the offscreen document is told. */
export type ToRecorder =
  | { readonly to: "recorder"; readonly kind: "begin"; readonly begin: Begin }
  | { readonly to: "recorder"; readonly kind: "stop"; readonly reason: "stopped" | "shutdown" }
  | { readonly to: "recorder"; readonly kind: "pause"; readonly reason: string }
  | { readonly to: "recorder"; readonly kind: "resume" }
  | { readonly to: "recorder"; readonly kind: "discard"; readonly minutes: number }
  | { readonly to: "recorder"; readonly kind: "forget-refused" }
  | { readonly to: "recorder"; readonly kind: "retry-refused" }
  | { readonly to: "recorder"; readonly kind: "send"; readonly enrolment: Enrolment }
  | ({ readonly to: "recorder"; readonly kind: "leave"; readonly enrolment: Enrolment } & Leaving)
  | { readonly to: "recorder"; readonly kind: "status" }
  | { readonly to: "recorder"; readonly kind: "went"; readonly went: Went }
  | { readonly to: "recorder"; readonly kind: "look-again" }
  | {
      readonly to: "recorder";
      readonly kind: "tab";
      readonly tab: number;
      readonly at: number;
      readonly url: string;
    }
  /** From a page's script. */
  | { readonly to: "recorder"; readonly kind: "entry"; readonly at: number; readonly entry: unknown }
  | { readonly to: "recorder"; readonly kind: "painted" }
  /** Of a frame: whether there is anything of it to be seen. */
  | { readonly to: "recorder"; readonly kind: "size"; readonly isSeen: boolean };

/** The person leaves the organisation. */
export interface Leaving {
  /** They were asked about what lies here, and it goes with them. */
  readonly isSure: boolean;
  /** They go though the server cannot be told. */
  readonly isUnheard: boolean;
}

/** What would be lost by leaving. */
export interface Left {
  readonly segments: number;
  /** Times thrown away here of which the server has not heard. */
  readonly untold: number;
}

/** What the worker is told. */
export type ToWorker =
  | { readonly to: "worker"; readonly kind: "begin"; readonly begin: BeginWish }
  | {
      readonly to: "worker";
      readonly kind: "look";
      readonly only: number | null;
      /** Whether what other tabs play can be heard in what is recorded. */
      readonly heard: boolean;
    }
  | { readonly to: "worker"; readonly kind: "state"; readonly state: Badge }
  | { readonly to: "worker"; readonly kind: "ended" }
  /** Nothing is recorded and nothing waits; `last` is what the person is told from then on. */
  | { readonly to: "worker"; readonly kind: "nothing-left"; readonly last: Status }
  /** What was put aside is to be tried again, or deleted; the recorder may have to be opened for it. */
  | { readonly to: "worker"; readonly kind: "refused"; readonly retry: boolean }
  | { readonly to: "worker"; readonly kind: "believed"; readonly version: number }
  | { readonly to: "worker"; readonly kind: "discard"; readonly minutes: number }
  | ({ readonly to: "worker"; readonly kind: "leave" } & Leaving)
  /** From a page's script: picture-in-picture was entered or left. */
  | { readonly to: "worker"; readonly kind: "apart"; readonly on: boolean };

/** What a page's script is told. */
export interface ToPage {
  readonly to: "page";
  /** `again`: what was told before anybody recorded is to be told once more. */
  readonly kind: "off" | "again";
}

export interface Badge {
  readonly phase: Status["phase"];
  readonly shut: GapReason | null;
  readonly watched: boolean;
  readonly only: number | null;
}

export type Answered<T> = { readonly ok: T } | { readonly refused: string };

export interface Status {
  readonly phase: "idle" | "starting" | "recording" | "stopping";
  /** Why the last recording ended or did not begin, where the person did not end it. */
  readonly ended: string | null;
  readonly recording: string | null;
  readonly surface: Surface | null;
  readonly startedAtMs: number | null;
  readonly shut: { readonly reason: GapReason; readonly since: number } | null;
  /** Excluded pages in tabs behind others, whose titles alone keep everything out. */
  readonly behind: number;
  readonly pausedFor: string | null;
  readonly hears: { readonly page: boolean; readonly microphone: boolean };
  readonly policy: Pick<ScreenPolicy, "audio" | "pause" | "liveView" | "keptDays" | "notice"> | null;
  /** `null` where it is not known now. */
  readonly watchers: readonly Watcher[] | null;
  /** What was captured and could not be kept. */
  readonly lost: { readonly segments: number; readonly why: "disk" | "missing" } | null;
  /** A recording that is over and of which times can still be thrown away here; `null`: until when is not known yet. */
  readonly takeBack: { readonly endedAtMs: number; readonly untilMs: number | null } | null;
  /** Times thrown away here of which the server has not heard yet. */
  readonly untold: number;
  /** The last minutes, for a row of panes. */
  readonly slices: readonly Slice[];
  /** Acknowledged since this recorder began: the server has it, whatever happens here. */
  readonly safe: { readonly segments: number; readonly bytes: number; readonly upToMs: number | null };
  readonly waiting: { readonly segments: number; readonly bytes: number };
  readonly refused: readonly { readonly reason: string; readonly segments: number; readonly bytes: number }[];
  readonly trouble: { readonly reason: string; readonly nextTryAtMs: number } | null;
}

export type { SeenTab };

/** Where a message comes from: a part of this extension, a script of ours in a page, or neither. */
export function senderOf(sender: chrome.runtime.MessageSender): "ours" | "page" | null {
  if (sender.id !== chrome.runtime.id) return null;
  const own = chrome.runtime.getURL("");
  if (sender.url?.startsWith(own)) return "ours";
  return sender.tab?.id === undefined ? null : "page";
}

const FROM_PAGES = ["entry", "painted", "size", "apart"];

/** Whether a message may come from where it came from; a page's script says few things. */
export function isFor<T extends ToRecorder | ToWorker>(
  message: unknown,
  to: T["to"],
  sender: chrome.runtime.MessageSender,
): message is T {
  if (typeof message !== "object" || message === null) return false;
  const { to: told, kind } = message as Record<string, unknown>;
  if (told !== to || typeof kind !== "string") return false;
  const from = senderOf(sender);
  return FROM_PAGES.includes(kind) ? from === "page" : from === "ours";
}
