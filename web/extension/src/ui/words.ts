/** The sentences the person reads. */
import { formatBytes, plural } from "@clerestory/console/src/lib/format";
import type { GapReason } from "../media/segment";
import type { Status } from "../messages";
import type { ScreenPolicy, Surface } from "../policy/screen";

export const SURFACE_NAMES: Readonly<Record<Surface, string>> = {
  tab: "This tab",
  window: "A window",
  screen: "The screen",
};

const RECORDING: Readonly<Record<Surface, string>> = {
  tab: "One tab is being recorded",
  window: "A window is being recorded",
  screen: "The screen is being recorded",
};

export const recordingTitle = (surface: Surface | null): string => RECORDING[surface ?? "tab"];

const SHUT: Readonly<Record<GapReason, string>> = {
  blocked:
    "A page that is excluded can be seen. Nothing is captured until it is gone; its address is not kept.",
  paused: "You paused it. Nothing is captured.",
  policy: "There are no rules that can be believed now. Nothing is captured without them.",
  lost: "Something is missing here. It goes on.",
  discarded: "You threw this away.",
};

export function shutText(reason: GapReason, behind: number): string {
  if (reason !== "blocked" || behind === 0) return SHUT[reason];
  const pages = behind === 1 ? "An excluded page is" : `${behind} excluded pages are`;
  return `${pages} open in a tab that is not in front. Its title, and its picture when you point at it, could be seen, so nothing is captured. Close it, or record a tab instead.`;
}

/** Why a recording ended, or did not begin. Words of the server that are not known here stand as they are. */
const ENDED: Readonly<Record<string, string>> = {
  "source-ended":
    "The tab or window is gone, or sharing was ended in the browser's own bar. The recording ended with it.",
  "no-picture": "The browser gave no picture for ten seconds, so the recording ended.",
  "recorder-gone":
    "The browser ended the recorder. What it had captured up to then is sent; its last moments may be missing.",
  "no-encoder": "This browser has nothing to encode pictures with, so the recording ended.",
  "recording-off": "Your organisation has recording switched off for you.",
  "capture-off": "Your organisation has recording switched off for you.",
  "surface-off": "Your organisation does not allow this kind of recording.",
  "notice-needed": "There is a notice you have not been shown yet, or none was set. Nothing begins before.",
  "policy-expired": "The rules of your organisation ran out and could not be fetched anew.",
  "policy-signature": "The rules that came are not signed by your organisation.",
  "policy-malformed": "The rules that came are not understood by this version.",
  "policy-older": "The rules that came are older than those in force.",
  "policy-of-another": "The rules that came are for another browser.",
  "policy-not-yet-valid": "The rules that came are from the future. Is the clock of this computer right?",
  "recorder-ended": "This browser was taken off the list of recorders. Join again to record.",
  "other-server":
    "Your organisation allows this browser another server than the one it joined. Leave, and join again.",
  "not-joined": "This browser has not joined an organisation.",
  "pages-not-allowed":
    "A window or the screen is recorded only where this extension may see which pages are open.",
  "tab-picked":
    "You picked a tab in the browser's list. Use “This tab” for that, so that excluded pages stay out.",
  "other-surface-picked": "You picked something else than you asked for here.",
  "too-late": "What was sent can be thrown away here for a few minutes only. In the console you still can.",
  "leave-unheard": "The server could not be told that this browser leaves.",
  NotAllowedError: "The browser was told not to share.",
  unreachable: "The server cannot be reached. Nothing begins without its rules.",
};

export const endedText = (why: string): string => ENDED[why] ?? `It ended: ${why}.`;

/** Said where more than a tab is recorded. */
export const BESIDE =
  "While an excluded page is open in any tab of this browser, in front or not, nothing is taken: its title could be read. Close it first, or record a tab instead. What the browser lists of pages you were on before can be seen when you open it: suggestions, history. Notifications, side panels, other programs, other browsers and private windows are recorded like anything else.";

const REFUSED: Readonly<Record<string, string>> = {
  "recording-closed": "it came more than 7 days late",
  "sequence-taken": "the server has something else under its number",
  "run-unreadable": "what is needed to send it cannot be read any more",
  "receipt-differs": "the server stored it otherwise than it was sent",
};

export const refusedText = ({ reason, segments, bytes }: Status["refused"][number]): string =>
  `Put aside: ${plural(segments, "piece")}, ${formatBytes(bytes)}. The server will not take it (${REFUSED[reason] ?? reason}).`;

const LIVE: Readonly<Record<ScreenPolicy["liveView"], string>> = {
  off: "Nobody can watch while it runs.",
  self: "While it runs, only you can watch.",
  manager: "Your manager may watch while it runs; you see who.",
  admin: "Admins may watch while it runs; you see who.",
};

const LOST = {
  disk: "this computer did not take them. Is its disk full?",
  missing: "they are not on this computer any more.",
} as const;

export const lostText = ({ segments, why }: NonNullable<Status["lost"]>): string =>
  `Lost: ${plural(segments, "piece")}, as ${LOST[why]}`;

export const untoldText = (untold: number): string =>
  `The server has not heard yet of ${plural(untold, "time")} you threw away. Here it is gone; the server is told as soon as it answers. If this stays, throw it away in the console, under My recordings.`;

type Told = NonNullable<Status["policy"]>;

export interface Fact {
  readonly name: string;
  readonly text: string;
}

/** What is captured, why, and for how long. */
export function facts(
  { audio, keptDays, notice, liveView }: Told,
  rules: ScreenPolicy["pages"] | null,
): Fact[] {
  const sound = audio ? ", with its sound and your microphone if you switch it on" : ", without sound";
  const pages =
    rules === null
      ? null
      : rules.mode === "allow"
        ? `All pages but those your organisation allows by ${plural(rules.rules.length, "rule")}; nothing is taken while another can be seen.`
        : `Pages your organisation excludes by ${plural(rules.rules.length, "rule")}; nothing is taken while one can be seen.`;
  return [
    {
      name: "What",
      text: `Pictures of what you choose${sound}; addresses, clicks, and how often you type. Never what you type or copy.`,
    },
    ...(pages === null ? [] : [{ name: "Never", text: pages }]),
    ...(notice ? [{ name: "Why", text: `${notice.basis}, notice ${notice.version}.` }] : []),
    {
      name: "How long",
      text:
        keptDays === null
          ? "As long as your organisation keeps it."
          : keptDays === 0
            ? "Less than a day."
            : `Kept ${plural(keptDays, "day")}.`,
    },
    { name: "Live", text: LIVE[liveView] },
  ];
}

export function heardText({ page, microphone }: Status["hears"], surface: Surface | null): string {
  const own = surface === "tab" ? "the tab's sound" : "the sound of the system";
  if (page && microphone) return `With ${own} and your microphone.`;
  if (page) return `With ${own}, without your microphone.`;
  if (microphone)
    return `With your microphone. ${surface === "tab" ? "The tab" : "The system"} gives no sound here.`;
  return "Without sound.";
}

export function watchingText(watchers: Status["watchers"]): string {
  if (watchers === null) return "The server does not answer: whether somebody is watching is not known now.";
  const names = watchers.map(({ name }) => name);
  if (names.length === 0) return "Nobody is watching.";
  return `${names.join(", ")} ${names.length === 1 ? "is" : "are"} watching now.`;
}
