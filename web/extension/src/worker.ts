/**
 * The service worker. It keeps nothing: it tells the recorder what the browser says of pages, starts what the person
 * asked for, and shows on the badge what is going on. It may be ended and started anew at any time.
 */
import {
  type Answered,
  type Badge,
  type BeginWish,
  isFor,
  type Leaving,
  type Left,
  type Status,
  type ToPage,
  type ToRecorder,
  type ToWorker,
} from "./messages";
import { seenTabs } from "./rules/visible";
import type { Enrolment } from "./server/server";
import {
  type Joined,
  LAST,
  managed,
  raisePolicyFloor,
  readEnrolled,
  readPolicyFloor,
  SETTINGS,
} from "./settings";
import { leftAnything } from "./spool/left";

const PAGE_SCRIPT = "page";
const RECORDING = "recording";
const APART = "apart";

const isRecording = async (): Promise<Badge | null> =>
  ((await chrome.storage.session.get(RECORDING))[RECORDING] as Badge | undefined) ?? null;

const tellRecorder = (message: ToRecorder): Promise<unknown> => chrome.runtime.sendMessage(message);

/** Where no recorder runs nobody listens, and nothing is missed. */
const mention = (message: ToRecorder): void => {
  tellRecorder(message).catch(() => {});
};

// ------------------------------------------------------------------------ the offscreen document

let opening: Promise<void> | null = null;
/** How many want the recorder now: what was finished before does not close the document under them. */
let wanting = 0;

/** Does something with the recorder, which is opened for it. */
async function withRecorder<T>(work: () => Promise<T>): Promise<T> {
  wanting += 1;
  try {
    await openRecorder();
    return await work();
  } finally {
    wanting -= 1;
  }
}

async function openRecorder(): Promise<void> {
  if (await chrome.offscreen.hasDocument()) return;
  opening ??= chrome.offscreen
    .createDocument({
      url: "offscreen.html",
      reasons: [chrome.offscreen.Reason.USER_MEDIA, chrome.offscreen.Reason.DISPLAY_MEDIA],
      justification: "Records what the person chose, and keeps it until the server has it.",
    })
    .finally(() => {
      opening = null;
    });
  await opening;
}

async function begin(wish: BeginWish): Promise<Answered<null>> {
  const enrolment = await readEnrolled();
  if (!enrolment) return { refused: "not-joined" };
  const { framesPerSecond, server } = await managed();
  // The organisation may have fixed another server since this browser joined.
  if (server !== null && server !== enrolment.server) return { refused: "other-server" };
  return withRecorder(() => beginAs(wish, enrolment, framesPerSecond));
}

async function beginAs(
  wish: BeginWish,
  enrolment: Enrolment,
  framesPerSecond: number,
): Promise<Answered<null>> {
  const isTab = wish.surface === "tab" && wish.tab !== null;
  if (wish.surface !== "tab" && !(await chrome.permissions.contains(ALL_PAGES)))
    return { refused: "pages-not-allowed" };
  const streamId = isTab ? await chrome.tabCapture.getMediaStreamId({ targetTabId: wish.tab ?? 0 }) : null;
  const policyFloor = await readPolicyFloor(enrolment.policyKey);
  await beginPages(wish.surface === "tab" ? wish.tab : null);
  const answer = (await tellRecorder({
    to: "recorder",
    kind: "begin",
    begin: { ...wish, enrolment, streamId, framesPerSecond, policyFloor },
  })) as Answered<null>;
  if ("refused" in answer) await endPages();
  else await tellPages("again");
  return answer;
}

/** What an earlier run left behind is sent without being asked for. */
async function sendLeftovers(): Promise<void> {
  const enrolment = await readEnrolled();
  if (!enrolment || (await isRecording())) return;
  if (!(await leftAnything())) return;
  await openRecorder();
  await tellRecorder({ to: "recorder", kind: "send", enrolment });
}

/** Has the recorder do something while it may not be open; it closes when there is nothing left to do. */
async function askRecorder(message: ToRecorder): Promise<unknown> {
  const answer = await withRecorder(() => tellRecorder(message));
  const enrolment = await readEnrolled();
  if (enrolment && !(await isRecording())) mention({ to: "recorder", kind: "send", enrolment });
  return answer;
}

async function leave({ isSure, isUnheard }: Leaving): Promise<unknown> {
  const enrolment = await readEnrolled();
  if (!enrolment) return { ok: null };
  const message: ToRecorder = { to: "recorder", kind: "leave", enrolment, isSure, isUnheard };
  const answer = (await withRecorder(() => tellRecorder(message))) as Answered<Left | null>;
  if ("refused" in answer || answer.ok !== null) {
    mention({ to: "recorder", kind: "send", enrolment });
    return answer;
  }
  await forgetEnrolment();
  // Nothing is left to be told of an organisation that this browser is not in any more.
  await chrome.storage.session.remove(LAST);
  await chrome.offscreen.closeDocument();
  return answer;
}

/** Another organisation has a notice of its own, to be read anew. */
const forgetEnrolment = (): Promise<void> =>
  chrome.storage.local.remove([SETTINGS.enrolment, SETTINGS.noticeRead] satisfies (keyof Joined)[]);

async function closeRecorder(last: Status): Promise<void> {
  if (wanting > 0 || (await isRecording())) return;
  await chrome.storage.session.set({ [LAST]: last });
  await chrome.offscreen.closeDocument();
}

// ------------------------------------------------------------------------ scripts in pages

const ALL_PAGES = { origins: ["https://*/*", "http://*/*"] };

/** Pages get a script only while something is recorded, and only where the person allowed it. */
async function beginPages(only: number | null): Promise<void> {
  if (!(await chrome.permissions.contains(ALL_PAGES))) return;
  await endPages();
  await chrome.scripting.registerContentScripts([
    {
      id: PAGE_SCRIPT,
      js: ["page.js"],
      matches: ALL_PAGES.origins,
      allFrames: true,
      matchOriginAsFallback: true,
      runAt: "document_start",
      persistAcrossSessions: false,
    },
  ]);
  const tabs = only === null ? await chrome.tabs.query({}) : [{ id: only }];
  for (const { id } of tabs) {
    if (id === undefined) continue;
    // Pages of the browser itself take no script.
    chrome.scripting
      .executeScript({ target: { tabId: id, allFrames: true }, files: ["page.js"] })
      .catch(() => {});
  }
}

async function endPages(): Promise<void> {
  const registered = await chrome.scripting.getRegisteredContentScripts({ ids: [PAGE_SCRIPT] });
  if (registered.length > 0) await chrome.scripting.unregisterContentScripts({ ids: [PAGE_SCRIPT] });
  await tellPages("off");
}

/** Where no script of ours runs nobody hears it. */
async function tellPages(kind: ToPage["kind"]): Promise<void> {
  const message: ToPage = { to: "page", kind };
  for (const { id } of await chrome.tabs.query({}))
    if (id !== undefined) chrome.tabs.sendMessage(id, message).catch(() => {});
}

// ------------------------------------------------------------------------ the badge

const BADGES = {
  blocked: {
    text: "off",
    color: "#626771",
    title: "Clerestory: a page that is excluded. Nothing is captured.",
  },
  paused: { text: "||", color: "#626771", title: "Clerestory: paused. Nothing is captured." },
  policy: { text: "!", color: "#96400c", title: "Clerestory: no rules in force. Nothing is captured." },
  lost: { text: "!", color: "#96400c", title: "Clerestory: something is missing." },
  discarded: { text: "off", color: "#626771", title: "Clerestory: thrown away." },
} as const;

async function showBadge({ phase, shut, watched }: Badge): Promise<void> {
  const isOn = phase === "recording" || phase === "starting" || phase === "stopping";
  const live = { text: watched ? "◉" : "●", color: watched ? "#7a5200" : "#0b6556" };
  const on = { ...live, title: watched ? "Clerestory: recording, and watched now" : "Clerestory: recording" };
  const off = { text: "", color: "#626771", title: "Clerestory: nothing is captured" };
  const { text, color, title } = !isOn ? off : shut ? BADGES[shut] : on;
  await chrome.action.setBadgeText({ text });
  await chrome.action.setBadgeBackgroundColor({ color });
  await chrome.action.setTitle({ title });
}

async function showState(state: Badge): Promise<void> {
  const before = await isRecording();
  if (state.phase === "idle") {
    await chrome.storage.session.remove(RECORDING);
    if (before) await endPages();
  } else {
    await chrome.storage.session.set({ [RECORDING]: state });
  }
  await showBadge(state);
}

// ------------------------------------------------------------------------ what the browser says

type Navigation = {
  readonly tabId: number;
  readonly frameId: number;
  readonly url: string;
  readonly timeStamp: number;
  readonly documentId?: string;
};

const forward =
  (stage: "before" | "committed" | "changed" | "failed") =>
  ({ tabId: tab, frameId: frame, url, timeStamp: at, documentId: document }: Navigation): void =>
    mention({ to: "recorder", kind: "went", went: { at, tab, frame, url, document, stage } });

chrome.webNavigation.onBeforeNavigate.addListener(forward("before"));
chrome.webNavigation.onCommitted.addListener(forward("committed"));
chrome.webNavigation.onHistoryStateUpdated.addListener(forward("changed"));
chrome.webNavigation.onReferenceFragmentUpdated.addListener(forward("changed"));
chrome.webNavigation.onErrorOccurred.addListener(forward("failed"));

const lookAgain = (): void => mention({ to: "recorder", kind: "look-again" });
chrome.tabs.onReplaced.addListener(lookAgain);
chrome.tabs.onRemoved.addListener(lookAgain);
chrome.tabs.onAttached.addListener(lookAgain);
chrome.windows.onFocusChanged.addListener(lookAgain);
chrome.windows.onCreated.addListener(lookAgain);
chrome.windows.onRemoved.addListener(lookAgain);
chrome.tabs.onActivated.addListener(({ tabId }) => {
  const at = Date.now();
  lookAgain();
  void chrome.webNavigation.getFrame({ tabId, frameId: 0 }).then((frame) => {
    if (frame) mention({ to: "recorder", kind: "tab", tab: tabId, at, url: frame.url });
  });
});

interface Apart {
  readonly tab: number;
  readonly frame: number;
}

/** Frames of which a part stands in a window of its own, above everything else. */
async function apart(): Promise<Apart[]> {
  return ((await chrome.storage.session.get(APART))[APART] as Apart[] | undefined) ?? [];
}

/** Two pages may say so at once: one after the other, or one of them would be forgotten. */
let settingApart: Promise<void> = Promise.resolve();

function setApart({ tab, frame }: Apart, on: boolean): Promise<void> {
  const set = async () => {
    const others = (await apart()).filter((other) => other.tab !== tab || other.frame !== frame);
    await chrome.storage.session.set({ [APART]: on ? [...others, { tab, frame }] : others });
    lookAgain();
  };
  settingApart = settingApart.then(set, set);
  return settingApart;
}

// ------------------------------------------------------------------------ messages

async function handle(message: ToWorker, sender: chrome.runtime.MessageSender): Promise<unknown> {
  switch (message.kind) {
    case "begin":
      return begin(message.begin);
    case "look":
      return seenTabs(
        message.only,
        (await apart()).map(({ tab }) => tab),
        message.heard,
      );
    case "state":
      return showState(message.state);
    case "ended":
      return forgetEnrolment();
    case "refused":
      return askRecorder({ to: "recorder", kind: message.retry ? "retry-refused" : "forget-refused" });
    case "discard":
      return askRecorder({ to: "recorder", kind: "discard", minutes: message.minutes });
    case "leave":
      return leave(message);
    case "believed": {
      const enrolment = await readEnrolled();
      return enrolment && raisePolicyFloor(enrolment.policyKey, message.version);
    }
    case "nothing-left":
      return closeRecorder(message.last);
    case "apart":
      return setApart({ tab: sender.tab?.id ?? 0, frame: sender.frameId ?? 0 }, message.on);
  }
}

chrome.runtime.onMessage.addListener((message: unknown, sender, reply) => {
  if (!isFor<ToWorker>(message, "worker", sender)) return false;
  handle(message, sender).then(
    (answer) => reply(answer ?? null),
    (error: unknown) => reply({ refused: error instanceof Error ? error.message : String(error) }),
  );
  return true;
});

const LEFTOVERS = "leftovers";

/** What the person is told of a recorder that can tell nothing any more. */
const goneStatus: Status = {
  phase: "idle",
  ended: "recorder-gone",
  recording: null,
  surface: null,
  startedAtMs: null,
  shut: null,
  behind: 0,
  pausedFor: null,
  hears: { page: false, microphone: false },
  policy: null,
  watchers: [],
  lost: null,
  takeBack: null,
  untold: 0,
  slices: [],
  safe: { segments: 0, bytes: 0, upToMs: null },
  waiting: { segments: 0, bytes: 0 },
  refused: [],
  trouble: null,
};

/** A recorder that went without a word left everything but its last moments on the disk. */
async function findRecorderGone(): Promise<void> {
  const state = await isRecording();
  if (!state || wanting > 0 || (await chrome.offscreen.hasDocument())) return;
  await chrome.storage.session.set({ [LAST]: goneStatus });
  await showState({ phase: "idle", shut: null, watched: false, only: null });
}

const onAlarm = (): void => {
  findRecorderGone()
    .then(sendLeftovers)
    .catch((error: unknown) => console.error("what was left behind was not looked at", error));
};
chrome.runtime.onStartup.addListener(onAlarm);
chrome.runtime.onInstalled.addListener(onAlarm);
chrome.alarms.onAlarm.addListener(onAlarm);

/** The worker begins anew often; an alarm made anew each time would never ring. */
async function setAlarm(): Promise<void> {
  if (!(await chrome.alarms.get(LEFTOVERS))) await chrome.alarms.create(LEFTOVERS, { periodInMinutes: 1 });
}

/** Our script in a page stands beside the page's own, and has no business with tokens. */
const keepFromPages = (): Promise<void> =>
  chrome.storage.local.setAccessLevel({ accessLevel: chrome.storage.AccessLevel.TRUSTED_CONTEXTS });

for (const prepared of [setAlarm(), keepFromPages()])
  prepared.catch((error: unknown) => console.error("the worker is not as it should be", error));
