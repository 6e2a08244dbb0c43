/**
 * Runs in pages while something is recorded, and tells what is done in them: never what is typed, copied or chosen.
 * It reads nothing of the page but the name of what was clicked and the title.
 */
import type { PageEntry } from "./actions/entries";
import { describe, isSecret, targetOf } from "./actions/target";
import type { ToPage, ToRecorder, ToWorker } from "./messages";

const IDLE_MS = 60_000;
const KEYS_MS = 5000;
const SCROLL_MS = 1000;

/** What nobody heard, as the recorder was not there yet. */
let sayAgain: () => void = () => {};

function selectedLength(): number {
  const field = document.activeElement;
  if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)
    return Math.max(0, (field.selectionEnd ?? 0) - (field.selectionStart ?? 0));
  return document.getSelection()?.toString().length ?? 0;
}

function begin(): () => void {
  const ended = new AbortController();
  const options = { capture: true, passive: true, signal: ended.signal } as const;
  const send = (message: ToRecorder | ToWorker): void => {
    // The extension was updated or taken away: nobody listens any more, and this script is over.
    if (chrome.runtime?.id === undefined) stop();
    else chrome.runtime.sendMessage(message).catch(() => {});
  };
  const tell = (entry: PageEntry, at = Date.now()): void =>
    send({ to: "recorder", kind: "entry", at, entry });

  let keys = 0;
  let keysSince = 0;
  let activeAt = Date.now();
  let scrolledAt = 0;
  const tellKeys = (): void => {
    if (keys > 0) tell({ kind: "keys", count: keys, ms: Date.now() - keysSince });
    keys = 0;
  };
  const beat = setInterval(() => keys > 0 && Date.now() - keysSince >= KEYS_MS && tellKeys(), 1000);
  const active = (): void => {
    const ms = Date.now() - activeAt;
    if (ms >= IDLE_MS) tell({ kind: "idle", ms });
    activeAt = Date.now();
  };
  const on = <E extends Event>(type: string, heard: (event: E) => void, where: EventTarget = window): void =>
    where.addEventListener(
      type,
      (event) => {
        // What a page makes up for itself was not done by the person.
        if (!event.isTrusted) return;
        heard(event as E);
      },
      options,
    );

  on<PointerEvent>("click", (event) => {
    active();
    const target = targetOf(event);
    if (!target) return;
    tellKeys();
    tell({
      kind: "click",
      target: describe(target),
      x: event.clientX / Math.max(1, innerWidth),
      y: event.clientY / Math.max(1, innerHeight),
    });
  });
  on<SubmitEvent>("submit", (event) => {
    // A page may send its own forms, and the browser calls that trusted, too.
    if (!navigator.userActivation.isActive) return;
    tellKeys();
    if (event.target instanceof Element)
      tell({ kind: "submit", target: describe(event.submitter ?? event.target) });
  });
  on<KeyboardEvent>("keydown", (event) => {
    active();
    if (event.repeat || isSecret(event)) return;
    if (keys === 0) keysSince = Date.now();
    keys += 1;
  });
  on("copy", (event) => !isSecret(event) && tell({ kind: "copy", length: selectedLength() }));
  on("cut", (event) => !isSecret(event) && tell({ kind: "cut", length: selectedLength() }));
  on<ClipboardEvent>("paste", (event) => {
    if (isSecret(event)) return;
    tell({ kind: "paste", length: event.clipboardData?.getData("text").length ?? 0 });
  });
  on("pointermove", active);
  on("scroll", () => {
    active();
    if (Date.now() - scrolledAt < SCROLL_MS) return;
    scrolledAt = Date.now();
    const root = document.scrollingElement ?? document.documentElement;
    tell({ kind: "scroll", depth: (root.scrollTop + innerHeight) / Math.max(1, root.scrollHeight) });
  });
  on("pagehide", tellKeys);

  watchPaint(send, ended.signal);
  watchApart(send, ended.signal);
  const size = watchSize(send, ended.signal);
  if (window !== window.top) sayAgain = size;
  if (window === window.top) {
    const title = (): void => tell({ kind: "title", title: document.title });
    sayAgain = title;
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", title, options);
    else title();
  }

  function stop(): void {
    clearInterval(beat);
    ended.abort();
  }
  return stop;
}

/** A frame of no more than a line of points shows nothing. */
const SEEN_PX = 1;

/** Says of a frame whether there is anything of it to be seen, and at once when that changes. */
function watchSize(send: (message: ToRecorder) => void, signal: AbortSignal): () => void {
  if (window === window.top) return () => {};
  const isSeen = (): boolean => Math.min(innerWidth, innerHeight) > SEEN_PX;
  let told: boolean | null = null;
  const say = (): void => {
    told = isSeen();
    send({ to: "recorder", kind: "size", isSeen: told });
  };
  window.addEventListener("resize", () => isSeen() !== told && say(), { signal });
  window.addEventListener("pageshow", ({ persisted }) => persisted && say(), { signal });
  say();
  return say;
}

/** Says when this page stands on the screen in the place of the one before. */
function watchPaint(send: (message: ToRecorder) => void, signal: AbortSignal): void {
  if (window !== window.top) return;
  const painted = (): void => send({ to: "recorder", kind: "painted" });
  const observer = new PerformanceObserver((list) => {
    if (list.getEntriesByName("first-contentful-paint").length > 0) painted();
  });
  observer.observe({ type: "paint", buffered: true });
  signal.addEventListener("abort", () => observer.disconnect());
  window.addEventListener(
    "pageshow",
    ({ persisted }) => persisted && requestAnimationFrame(() => requestAnimationFrame(painted)),
    { signal },
  );
}

interface DocumentPictureInPicture extends EventTarget {
  readonly window: Window | null;
}

/** Asked of the browser: a page may call something of its own by this name. */
function inPicture(): boolean {
  const told = Object.getOwnPropertyDescriptor(Document.prototype, "pictureInPictureElement");
  return (told?.get?.call(document) ?? null) !== null;
}

/** Says when a part of this page stands in a window of its own, above everything else. */
function watchApart(send: (message: ToWorker) => void, signal: AbortSignal): void {
  let isApart = inPicture();
  const say = (on: boolean): void => {
    if (on || isApart) send({ to: "worker", kind: "apart", on });
    isApart = on;
  };
  if (isApart) say(true);
  const options = { capture: true, signal } as const;
  document.addEventListener("enterpictureinpicture", () => say(true), options);
  // That it is over a page could say of itself.
  document.addEventListener("leavepictureinpicture", (event) => event.isTrusted && say(false), options);
  const whole = (window as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;
  whole?.addEventListener(
    "enter",
    () => {
      say(true);
      whole.window?.addEventListener("pagehide", (event) => event.isTrusted && say(false));
    },
    { signal },
  );
  if (whole?.window) say(true);
  window.addEventListener("pagehide", (event) => event.isTrusted && say(false), { signal });
}

/** Here, because a page may be given this script twice. */
const here = globalThis as { clerestoryEnd?: (() => void) | undefined };

if (!here.clerestoryEnd) {
  here.clerestoryEnd = begin();
  chrome.runtime.onMessage.addListener((message: Partial<ToPage>, sender) => {
    if (sender.id !== chrome.runtime.id || message.to !== "page" || !here.clerestoryEnd) return;
    if (message.kind === "again") sayAgain();
    if (message.kind !== "off") return;
    here.clerestoryEnd();
    here.clerestoryEnd = undefined;
  });
}
