/**
 * One recording run of the page: rrweb inside, the filter around it, keyframes on time.
 *
 * Everything that leaves goes through `Sink.take`. An error anywhere ends the run and is told to the owner; it
 * never reaches the page.
 */
import { record } from "@rrweb/record";
import { MASK } from "../policy/attributes";
import type { Judge } from "../policy/judge";
import { type CustomEvent, EventType, type RecordedEvent } from "./events";
import { type Counts, Filter } from "./filter";
import { connectHooks, isPageError, type Mirror } from "./hooks";
import { Inliner } from "./pictures";
import { Walker } from "./walker";

export interface Sink {
  /** An event as it leaves, with its JSON. */
  take(event: RecordedEvent, json: string): void;
  /** The page was told as a whole; `counts` says what of it is seen. */
  keyframe(counts: Counts): void;
  failed(error: unknown): void;
}

export interface Pace {
  /** Milliseconds between keyframes while something happens. */
  readonly keyframeMs: number;
}

const GROWTH = 4;
const HIDDEN_MS = 60_000;
/** A page may toggle what is excluded many times a second; that many keyframes would be a burden. */
const RULE_CHANGE_MS = 1000;

export class Recorder {
  readonly #judge: Judge;
  readonly #sink: Sink;
  readonly #pace: Pace;
  readonly #walker: Walker;
  readonly #filter: Filter;
  readonly #pictures: Inliner;
  #stopRrweb: (() => void) | null = null;
  #running = false;
  #timer: ReturnType<typeof setInterval> | null = null;
  #soon: ReturnType<typeof setTimeout> | null = null;
  #keyframeAt = 0;
  #keyframeBytes = 0;
  #bytesSince = 0;
  #lastTime = 0;
  #hiddenAt: number | null = null;
  /** Ends with the run, and with it whatever listens for it. */
  #over = new AbortController();
  #frames = new WeakMap<Element, () => void>();
  #pages = new WeakSet<Document>();

  constructor(judge: Judge, sink: Sink, pace: Pace) {
    this.#judge = judge;
    this.#sink = sink;
    this.#pace = pace;
    this.#walker = new Walker(
      judge,
      () => this.#keyframeDone(),
      (error) => this.#fail(error),
    );
    const mirror = record.mirror as unknown as Mirror;
    this.#pictures = new Inliner(judge, (element, name, dataUrl) => {
      const id = mirror.getId(element);
      if (!mirror.has(id)) return;
      this.#emit({
        type: EventType.incremental,
        data: {
          source: 0,
          texts: [],
          removes: [],
          adds: [],
          attributes: [{ id, attributes: { [name]: dataUrl } }],
        },
        timestamp: Date.now(),
      });
    });
    this.#filter = new Filter(judge, mirror, this.#pictures);
  }

  get running(): boolean {
    return this.#running;
  }

  /** A full snapshot is under way: what is taken now belongs into one segment. */
  get reading(): boolean {
    return this.#walker.active;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const disconnect = this.#connect();
    const stop = record({
      emit: (event) => this.#emit(event as unknown as RecordedEvent),
      recordAfter: "DOMContentLoaded",
      maskInputOptions: { input: true, textarea: true, select: true } as Record<string, boolean>,
      maskInputFn: (text, element) => (this.#showsValue(element) ? text : text === "" ? "" : MASK),
      slimDOMOptions: { script: true, comment: true },
      inlineStylesheet: true,
      inlineImages: false,
      recordCanvas: false,
      recordCrossOriginIframes: false,
      collectFonts: false,
      sampling: { mousemove: 50, scroll: 100 },
      errorHandler: (error: unknown) => {
        // Thrown on by rrweb: it came from the page's own code inside a function rrweb wraps.
        if (isPageError(error)) return false;
        this.#fail(error);
        return true;
      },
    });
    this.#stopRrweb = () => {
      stop?.();
      disconnect();
    };
    // The first snapshot is taken inside `record`; it may have ended the run already.
    if (!this.#running) {
      this.stop();
      return;
    }
    this.#timer = setInterval(() => this.#tick(), 1000);
    document.addEventListener("visibilitychange", this.#onVisibility);
  }

  stop(): void {
    const stop = this.#stopRrweb;
    this.#stopRrweb = null;
    this.#running = false;
    this.#over.abort();
    this.#walker.stop();
    this.#pictures.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#timer = null;
    this.#soon = null;
    this.#hiddenAt = null;
    document.removeEventListener("visibilitychange", this.#onVisibility);
    stop?.();
  }

  /** Takes a full snapshot in a task of its own, so that changes told so far are not told again. */
  keyframe(afterMs = 0): void {
    if (!this.#running || this.#soon !== null) return;
    this.#soon = setTimeout(() => {
      this.#soon = null;
      if (!this.#running) return;
      try {
        record.takeFullSnapshot(true);
      } catch {
        // rrweb waits for the document and takes the first snapshot itself then.
      }
    }, afterMs);
  }

  /** The rules changed: nothing remembered holds, and what is known is told again. */
  rulesChanged(): void {
    this.#judge.forget();
    this.#filter.forgetRules();
    this.#pictures.forget();
    this.keyframe();
  }

  tell(event: CustomEvent, timestamp = Date.now()): void {
    this.#give({ type: EventType.custom, data: event, timestamp });
  }

  #connect(): () => void {
    this.#over = new AbortController();
    this.#frames = new WeakMap();
    this.#pages = new WeakSet();
    const judge = this.#judge;
    return connectHooks({
      excluded: (element) => judge.decide(element) === "exclude",
      excludedAround: (node) => node !== null && judge.decideAround(node) === "exclude",
      keepSecret: (element) => judge.keepSecret(element),
      isSecret: (element) => judge.neverShown(element),
      attributeChanged: (element, name) => this.#attributeChanged(element, name),
      snapshot: (engine) => {
        try {
          this.#filter.restart();
          this.#keyframeBytes = 0;
          this.#walker.snapshot(engine);
        } catch (error) {
          this.#fail(error);
        }
      },
      idBefore: (node) => this.#walker.idBefore(node),
      removed: (node, id) => this.#walker.removed(node, id),
      readLater: (node) => this.#walker.readLater(node),
      whenFrameLoaded: (frame, listener, timeoutMs) => this.#whenFrameLoaded(frame, listener, timeoutMs),
      firstSeen: (page) => {
        if (!page || this.#pages.has(page)) return false;
        this.#pages.add(page);
        return true;
      },
    });
  }

  #showsValue(element: HTMLElement): boolean {
    this.#judge.forget();
    return this.#judge.decide(element) === "show" && !this.#judge.neverShown(element);
  }

  #emit(event: RecordedEvent): void {
    if (!this.#running) return;
    try {
      if (!this.#walker.telling) this.#judge.forget();
      const told = this.#filter.event(event);
      if (!told) return;
      // A slice shows the page as it was when the snapshot began, unless something happened in between.
      if (this.#walker.telling && event.type === EventType.incremental) told.timestamp = this.#lastTime;
      this.#give(told);
    } catch (error) {
      this.#fail(error);
    }
  }

  #give(event: RecordedEvent): void {
    event.timestamp = Math.round(event.timestamp);
    this.#lastTime = Math.max(this.#lastTime, event.timestamp);
    const json = wellFormed(JSON.stringify(event));
    if (this.#walker.telling) this.#keyframeBytes += json.length;
    else this.#bytesSince += json.length;
    this.#sink.take(event, json);
  }

  #keyframeDone(): void {
    this.#keyframeAt = Date.now();
    this.#bytesSince = 0;
    this.#sink.keyframe({ ...this.#filter.counts });
  }

  #tick(): void {
    if (this.#walker.active || this.#bytesSince === 0) return;
    const due = Date.now() - this.#keyframeAt >= this.#pace.keyframeMs;
    if (due || this.#bytesSince > GROWTH * this.#keyframeBytes) this.keyframe();
  }

  readonly #onVisibility = (): void => {
    if (document.visibilityState === "hidden") {
      this.#hiddenAt = Date.now();
    } else {
      if (this.#hiddenAt !== null && Date.now() - this.#hiddenAt > HIDDEN_MS) this.keyframe();
      this.#hiddenAt = null;
    }
  };

  /**
   * A change that moves an element into or out of exclusion, or of the mask, needs the page told anew. What is told
   * until then follows the new decision already; only what was told before stays in sight.
   */
  #attributeChanged(element: Element, name: string | null): void {
    if (name === null || !this.#judge.watches(name)) return;
    const before = this.#filter.toldAs(element);
    if (before === undefined) return;
    this.#judge.forget();
    if (this.#judge.decide(element) !== before) this.keyframe(RULE_CHANGE_MS);
  }

  #whenFrameLoaded(frame: HTMLIFrameElement, listener: () => void, timeoutMs: number): void {
    const known = this.#frames.has(frame);
    this.#frames.set(frame, listener);
    const loaded = (): void => {
      const current = this.#frames.get(frame);
      if (!this.#running || !current || !frame.isConnected) return;
      try {
        this.#judge.forget();
        if (this.#judge.decide(frame) !== "exclude") current();
      } catch (error) {
        this.#fail(error);
      }
    };
    if (!known) frame.addEventListener("load", loaded, { signal: this.#over.signal });
    let ready = false;
    try {
      const page = frame.contentDocument;
      if (!page) return;
      const blank = page.location.href === "about:blank" && frame.src !== "" && frame.src !== "about:blank";
      ready = page.readyState === "complete" && !blank;
    } catch {
      return;
    }
    setTimeout(loaded, ready ? 0 : timeoutMs);
  }

  #fail(error: unknown): void {
    try {
      this.stop();
    } catch {
      // What broke first is told; that its end broke, too, must not reach the page.
    }
    this.#sink.failed(error);
  }
}

/** Half a surrogate pair is no text outside of JavaScript; servers refuse it, and the whole segment with it. */
function wellFormed(json: string): string {
  if (!json.includes("\\ud")) return json;
  return json.replace(/\\(?:u(d[89a-f]..)|.)/g, (found, half: string | undefined) =>
    half ? "\\ufffd" : found,
  );
}
