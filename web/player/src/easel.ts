/**
 * One chapter on one rrweb engine.
 *
 * The engine builds into its own frame, sandboxed without scripts, inside an element that is inert from before
 * the frame exists. Its clock is rrweb's; positions are recording time in milliseconds.
 */
import { Replayer } from "@rrweb/replay";
import type { eventWithTime } from "@rrweb/types";
import { type Chapter, viewportOf } from "./chapters.ts";
import type { InertEvent } from "./inert.ts";
import { MASK_RULE, Masks } from "./masks.ts";

/** Far beyond any chapter: the engine's timer stops for good after its last event, so the last is never played. */
const NEVER_MS = 1e10;

/** rrweb applies what is strictly before the moment asked for. */
const INCLUSIVE_MS = 0.5;

/**
 * One transparent point. A picture without an address shows its `alt` beside a broken-image mark; with this in its
 * place the placeholder stays plain, and the element and its `alt` stay as recorded. Outside quirks mode such a
 * picture counts as text and has no size unless it is a block of its own.
 */
const CLEAR = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

const BLINDS = [
  ":where(canvas) { display: inline-block; width: var(--clerestory-wide, 300px); aspect-ratio: var(--clerestory-shape, 2); }",
  "canvas { background-image: var(--clerestory-drawn, none) !important; background-size: 100% 100% !important; background-repeat: no-repeat !important; background-origin: content-box !important; font-size: 0 !important; overflow: hidden !important; }",
  "canvas > * { display: none !important; }",
  ":where(a[data-clerestory-link], area[data-clerestory-link]) { color: -webkit-link; text-decoration: underline; }",
  '[data-clerestory="excluded"] { background: repeating-linear-gradient(0deg, #3c424d 0 5px, #7a8292 5px 6px) !important; border-color: #3c424d !important; color: transparent !important; }',
  '[data-clerestory="blocked"] { background: repeating-linear-gradient(135deg, rgb(120 130 145 / .16) 0 1px, transparent 1px 9px), rgb(120 130 145 / .12) !important; outline: 1px solid rgb(120 130 145 / .3); outline-offset: -1px; }',
  ':where(:is(img, input)[data-clerestory="blocked"]) { display: inline-block; }',
  `:is(img, input)[data-clerestory="blocked"] { content: url("${CLEAR}") !important; }`,
  ':where(span, a, b, i, em, strong, small, label, abbr, cite, code, q, s, u, time):is([data-clerestory="excluded"], [data-clerestory="blocked"]) { display: inline-block; vertical-align: bottom; }',
  ':is(div, section, form, fieldset, article, aside, p, li, td, main, header, footer, ul, ol, table)[data-clerestory="excluded"] { container-type: size; position: relative; }',
  '@container (min-width: 250px) and (min-height: 30px) { [data-clerestory="excluded"]::after { content: "Excluded: it never left the device"; position: absolute; left: 50%; top: 50%; transform: translate(-50%, -50%); padding: 4px 10px; border-radius: 4px; background: #1d222aee; color: #fff; font: 500 12px/18px system-ui, sans-serif; letter-spacing: 0; text-transform: none; white-space: nowrap; } }',
  MASK_RULE,
];

export interface EaselWatcher {
  resized(width: number, height: number): void;
}

export class Easel {
  readonly element: HTMLDivElement;
  readonly chapter: Chapter;
  readonly #replayer: Replayer;
  readonly #masks = new Masks();
  #playing = false;
  #atMs: number;

  constructor(parent: HTMLElement, chapter: Chapter, speed: number, watcher: EaselWatcher) {
    this.chapter = chapter;
    this.#atMs = chapter.startMs;
    this.element = document.createElement("div");
    this.element.className = "easel";
    this.element.inert = true;
    this.element.setAttribute("aria-hidden", "true");
    parent.append(this.element);
    const sentinel: InertEvent = {
      type: 5,
      timestamp: chapter.startMs + NEVER_MS,
      data: { tag: "clerestory.end", payload: null },
    };
    // `Inert` built these events from scratch; its types are rrweb's with fewer possibilities.
    const events = [...chapter.events, sentinel] as unknown as eventWithTime[];
    this.#replayer = new Replayer(events, {
      root: this.element,
      speed,
      mouseTail: false,
      triggerFocus: false,
      useVirtualDom: false,
      showWarning: false,
      insertStyleRules: BLINDS,
      plugins: [
        {
          onBuild: (node) => this.#masks.see(node as Node),
          handler: (event) => this.#handled(event as unknown as InertEvent),
        },
      ],
    });
    this.#replayer.iframe.setAttribute("tabindex", "-1");
    this.#replayer.iframe.title = "Recorded page";
    this.#replayer.on("resize", (size) => {
      const { width, height } = size as { width: number; height: number };
      watcher.resized(width, height);
    });
    // The engine announces the first viewport once more in a timeout of its own; by then a later one may hold.
    setTimeout(() => this.#restoreSize(), 2);
  }

  get playing(): boolean {
    return this.#playing;
  }

  get atMs(): number {
    if (!this.#playing) return this.#atMs;
    return this.chapter.startMs + this.#replayer.getCurrentTime();
  }

  /** Builds the document as it was at a moment, and holds still. */
  show(ms: number): void {
    this.#playing = false;
    this.#atMs = Math.max(ms, this.chapter.startMs);
    this.#replayer.pause(this.#atMs - this.chapter.startMs + INCLUSIVE_MS);
  }

  play(): void {
    if (this.#playing) return;
    this.#replayer.play(this.#atMs - this.chapter.startMs + INCLUSIVE_MS);
    this.#playing = true;
  }

  pause(): void {
    if (!this.#playing) return;
    this.#atMs = this.atMs;
    this.#playing = false;
    this.#replayer.pause();
  }

  setSpeed(speed: number): void {
    this.#replayer.setConfig({ speed });
  }

  /** Hands events that follow the ones given at the start to the running engine. */
  lengthen(events: readonly InertEvent[]): void {
    for (const event of events) this.#replayer.addEvent({ ...event } as unknown as eventWithTime);
  }

  destroy(): void {
    this.#playing = false;
    this.#masks.clear();
    this.#replayer.destroy();
    this.#replayer.resetCache();
    this.element.remove();
  }

  #handled(event: InertEvent): void {
    if (event.type === 2) this.#masks.prune();
    const texts = event.type === 3 && event.data.source === 0 ? event.data.texts : null;
    if (!Array.isArray(texts)) return;
    for (const text of texts as { id: number }[]) {
      const node = this.#replayer.getMirror().getNode(text.id);
      if (node !== null) this.#masks.see(node);
    }
  }

  /** The recorded viewport at the moment shown. */
  size(): { width: number; height: number } {
    const at = this.atMs;
    const last = this.chapter.events.findLast((event) => event.timestamp <= at && viewportOf(event) !== null);
    return (last === undefined ? null : viewportOf(last)) ?? { width: 1280, height: 800 };
  }

  #restoreSize(): void {
    const size = this.size();
    this.#replayer.iframe.setAttribute("width", String(size.width));
    this.#replayer.iframe.setAttribute("height", String(size.height));
  }
}
