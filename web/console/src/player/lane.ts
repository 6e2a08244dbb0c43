/**
 * What somebody did, read from the recorded events: pages, clicks, typing, scrolling, windows, errors.
 *
 * Events of one keyframe stretch are read in order, because "clicked what" needs the document as it was. Text is
 * only ever what the recording holds: masked text stays masked.
 */
import { pathOf } from "../lib/recording";
import { type Fields, isFields, list, MASK, Names, spoken, text } from "./names";

export type MarkKind =
  | "page"
  | "click"
  | "rage"
  | "input"
  | "submit"
  | "copy"
  | "paste"
  | "scroll"
  | "resize"
  | "error"
  | "note"
  | "idle";

export interface Mark {
  kind: MarkKind;
  /** Milliseconds from the start of the recording. */
  atMs: number;
  /** How long it went on, for typing and scrolling. */
  forMs: number;
  /** What happened, without its object: "Clicked". */
  verb: string;
  /** What it happened to, or "". */
  object: string;
  /** A second line, or "". */
  detail: string;
  /** The element as a selector, or "". */
  element: string;
  /** The track it happened in, where there are several. */
  track?: string;
}

const RAGE_MS = 1_500;
const RAGE_CLICKS = 3;
const TYPING_MS = 4_000;
const SCROLL_MS = 1_500;

/** What only somebody does: moving, clicking, scrolling, typing, touching, dragging, selecting. */
const ACTS = new Set([1, 2, 3, 5, 6, 12, 14]);

/** Reads one keyframe stretch, segment by segment, in order. */
export class LaneReader {
  readonly marks: Mark[] = [];
  /** When the visitor did something, in milliseconds; a page also changes by itself. */
  readonly acted: number[] = [];
  readonly #names = new Names();
  #path = "";
  #clicked = { id: 0, atMs: Number.NEGATIVE_INFINITY, count: 0 };

  /**
   * Takes the events of the next segment. `startUs` is where its earliest event stands.
   * Returns the times, in milliseconds, at which anything happened at all.
   */
  read(events: readonly unknown[], startUs: number): number[] {
    const timed = events.filter(
      (event): event is Fields => isFields(event) && typeof event.timestamp === "number",
    );
    const earliest = timed.reduce(
      (least, event) => Math.min(least, Number(event.timestamp)),
      Number.POSITIVE_INFINITY,
    );
    const shift = startUs / 1000 - earliest;
    const active: number[] = [];
    for (const event of timed) {
      const atMs = Number(event.timestamp) + shift;
      const data = isFields(event.data) ? event.data : {};
      if (event.type === 2) this.#names.reset(data.node);
      else if (event.type === 4) this.#page(atMs, text(data.href), "");
      else if (event.type === 5) this.#custom(atMs, data);
      else if (event.type === 6) this.#plugin(atMs, data);
      else if (event.type === 3) {
        this.#increment(atMs, data);
        active.push(atMs);
        if (ACTS.has(Number(data.source))) this.acted.push(atMs);
      }
    }
    return active;
  }

  /** Everything of this stretch has been read: the document is no longer needed to name what was done in it. */
  close(): void {
    this.#names.reset(null);
  }

  #push(mark: Partial<Mark> & Pick<Mark, "kind" | "atMs" | "verb">): void {
    this.marks.push({ forMs: 0, object: "", detail: "", element: "", ...mark });
  }

  #page(atMs: number, address: string, title: string): void {
    if (address === "" || address === "about:blank") return;
    const path = pathOf(address);
    if (path === this.#path) return;
    this.#path = path;
    this.#push({
      kind: "page",
      atMs,
      verb: "Page",
      object: path,
      detail: title === "" || title.includes(MASK) ? "" : title,
    });
  }

  #custom(atMs: number, data: Fields): void {
    const tag = text(data.tag);
    const payload = isFields(data.payload) ? data.payload : {};
    if (tag === "clerestory.page") this.#page(atMs, text(payload.url), text(payload.title));
    else if (tag === "clerestory.error") {
      this.#push({ kind: "error", atMs, verb: "Error", object: text(payload.message).slice(0, 120) });
    } else if (!tag.startsWith("clerestory.") && tag !== "") {
      this.#push({ kind: "note", atMs, verb: "Event", object: tag.slice(0, 60) });
    }
  }

  #plugin(atMs: number, data: Fields): void {
    const payload = isFields(data.payload) ? data.payload : {};
    if (!text(data.plugin).startsWith("rrweb/console") || payload.level !== "error") return;
    const said = list(payload.payload).map(String).join(" ").slice(0, 120);
    this.#push({ kind: "error", atMs, verb: "Error", object: said });
  }

  #increment(atMs: number, data: Fields): void {
    switch (data.source) {
      case 0:
        this.#names.mutate(data);
        break;
      case 2:
        if (data.type === 2) this.#click(atMs, Number(data.id));
        break;
      case 3:
        this.#scroll(atMs);
        break;
      case 4:
        this.#push({
          kind: "resize",
          atMs,
          verb: "Window became",
          object: `${Number(data.width)} × ${Number(data.height)}`,
        });
        break;
      case 5:
        this.#input(atMs, data);
        break;
    }
  }

  #click(atMs: number, id: number): void {
    const before = this.#clicked;
    const again = id === before.id && atMs - before.atMs <= RAGE_MS;
    this.#clicked = { id, atMs, count: again ? before.count + 1 : 1 };
    const last = this.marks.findLast((mark) => mark.kind === "click" || mark.kind === "rage");
    if (last && this.#clicked.count >= RAGE_CLICKS) {
      this.#joinClicks(last.element, atMs, this.#clicked.count);
      return;
    }
    const { words, masked, element, excluded, tag } = this.#names.describe(id);
    this.#push({
      kind: "click",
      atMs,
      verb: "Clicked",
      object: excluded ? "an excluded part" : words || spoken(tag, "the page"),
      detail: excluded ? "It never left the device" : masked ? "Its words are masked" : "",
      element,
    });
  }

  /** Turns the last clicks on one thing into one mark that says how many. What happened between them stays. */
  #joinClicks(element: Mark["element"], atMs: number, count: number): void {
    const theirs = [...this.marks.keys()].filter((index) => {
      const mark = this.marks[index];
      return (mark?.kind === "click" || mark?.kind === "rage") && mark.element === element;
    });
    const last = theirs.at(-1) ?? -1;
    const from = this.marks[last]?.kind === "rage" ? last : (theirs.at(1 - count) ?? theirs[0] ?? -1);
    const begun = this.marks[from];
    if (!begun) return;
    const seconds = ((atMs - begun.atMs) / 1000).toFixed(1);
    const joined: Mark = {
      ...begun,
      kind: "rage",
      forMs: atMs - begun.atMs,
      detail: `${count} times in ${seconds} s`,
    };
    for (const index of theirs.reverse()) if (index > from) this.marks.splice(index, 1);
    this.marks[from] = joined;
  }

  #input(atMs: number, data: Fields): void {
    const { words, element, tag } = this.#names.describe(Number(data.id));
    const last = this.marks.at(-1);
    if (last?.kind === "input" && last.element === element && atMs - (last.atMs + last.forMs) <= TYPING_MS) {
      last.forMs = atMs - last.atMs;
      return;
    }
    const value = text(data.text);
    this.#push({
      kind: "input",
      atMs,
      verb: tag === "select" ? "Chose in" : "Typed into",
      object: words || spoken(tag, "a field"),
      detail: value === MASK ? "Masked, length hidden" : "",
      element,
    });
  }

  #scroll(atMs: number): void {
    const last = this.marks.findLast((mark) => mark.kind === "scroll");
    if (last && atMs - (last.atMs + last.forMs) <= SCROLL_MS) last.forMs = atMs - last.atMs;
    else this.#push({ kind: "scroll", atMs, verb: "Scrolled" });
  }
}

/** Marks that people step through with `,` and `.`; scrolling is too much of it, and in idle time there is nothing. */
export const isStep = (mark: Mark): boolean => mark.kind !== "scroll" && mark.kind !== "idle";

/** The index of the mark the playhead stands on: the last at or before a moment, or -1. */
export function markAt(marks: readonly Mark[], atMs: number): number {
  return marks.findLastIndex((mark) => mark.atMs <= atMs + 1);
}

/** The next or previous step from a moment, or null. */
export function stepFrom(marks: readonly Mark[], atMs: number, by: 1 | -1): Mark | null {
  if (by === 1) return marks.find((mark) => isStep(mark) && mark.atMs > atMs + 50) ?? null;
  return marks.findLast((mark) => isStep(mark) && mark.atMs < atMs - 400) ?? null;
}

/** The page shown at a moment in a track, or null where none is known. */
export function pageAt(marks: readonly Mark[], atMs: number, track: string | null = null): string | null {
  const here = (mark: Mark) => mark.track === undefined || track === null || mark.track === track;
  return (
    marks.findLast((mark) => mark.kind === "page" && mark.atMs <= atMs + 1 && here(mark))?.object ?? null
  );
}

/** Marks of several stretches as one list, in order; a page told twice in a row is said once. */
export function joinMarks(stretches: Iterable<readonly Mark[]>): Mark[] {
  const all = [...stretches].flat().sort((a, b) => a.atMs - b.atMs);
  let page = "";
  return all.filter((mark) => {
    if (mark.kind !== "page") return true;
    if (mark.object === page) return false;
    page = mark.object;
    return true;
  });
}

/** Where the next thing happens after a moment, if nothing happens for at least `idleMs`; otherwise null. */
export function idleUntil(
  active: readonly number[],
  atMs: number,
  untilMs: number,
  idleMs: number,
): number | null {
  const next = active.find((time) => time > atMs) ?? untilMs;
  return next - atMs >= idleMs ? next : null;
}
