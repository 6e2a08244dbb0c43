/**
 * Whether what can be seen now may be captured. Nothing passes because nothing was heard: each picture waits until
 * the browser was asked about all visible pages after it was taken, and found clear.
 */
import { isExcluded, isTitleExcluded, type PageRules } from "../policy/pages";
import { FrameSizes } from "./frame-sizes";

export interface SeenFrame {
  readonly frame: number;
  readonly url: string;
  /** The browser's name of the document in it. Going to another address within a document changes no picture. */
  readonly document?: string | undefined;
}

/** The frames of one tab that can be seen: in front in a window, captured, or in picture-in-picture. */
export interface SeenTab {
  readonly tab: number;
  /** None where the browser does not tell: nobody knows then what can be seen there. */
  readonly frames: readonly SeenFrame[];
  /** Whether it plays something. A frame that cannot be seen may be what is heard. */
  readonly isAudible?: boolean | undefined;
  /** Other tabs are in front of it: of this one only the title can be seen. */
  readonly isBehind?: boolean | undefined;
}

export interface Went extends SeenFrame {
  /** By the browser's account, in milliseconds since 1970. */
  readonly at: number;
  readonly tab: number;
  /** `failed`: the page that was there stays. */
  readonly stage: "before" | "committed" | "changed" | "failed";
}

/** What was excluded in a tab, until something else stands there. */
interface Exclusion {
  /** Documents of the whole tab. */
  readonly documents: Set<string>;
  /** A part of a page, or something without a name: no document says when its picture is gone. */
  unnamed: boolean;
}

/** A tab from which something excluded has gone, while its picture may still be on the screen. */
interface Leaving {
  /** The document whose paint says that it is gone; `null` where none does. */
  readonly document: string | null;
  until: number;
}

/** A page that says it has been painted has replaced the one before it on the screen; the compositor gets a moment. */
const AFTER_PAINT_MS = 700;
/** Chromium shows the page before for at most 4 s where the new one paints nothing. */
const WITHOUT_PAINT_MS = 4500;
/** Another tab is in front, or a window is gone. */
const AFTER_SWITCH_MS = 1500;
/** An answer of what can be seen is good for so long. */
const SEEN_MS = 1000;
/** A navigation to an excluded page that was begun and never heard of again. */
const BEGUN_MS = 30_000;

export class Gate {
  #rules: PageRules;
  /** The one tab that is captured, or `null` where every visible page counts. */
  readonly #only: number | null;
  /** Tabs that show an excluded page, as far as is known. */
  #excluded = new Map<number, Exclusion>();
  /** Frames on their way to an excluded page, with the time they left. */
  readonly #begun = new Map<string, number>();
  /** The document each tab went to last, and when it said that it was painted, after it got there. */
  readonly #documents = new Map<number, { readonly document: string; paintedAt: number | null }>();
  readonly #leaving = new Map<number, Leaving>();
  #clearSince: number | null = null;
  /** When an exclusion was last heard of: an answer to an earlier question does not lift it. */
  #heardAt = 0;
  #switchedUntil = 0;
  /** The tabs of which the browser told last that they can be seen, by its answer that counted. */
  #visible = new Set<number>();
  #askedAt = 0;
  /** How many tabs keep everything out by their titles alone. */
  #behind = 0;
  readonly #sizes = new FrameSizes();

  constructor(rules: PageRules, only: number | null) {
    this.#rules = rules;
    this.#only = only;
  }

  /** Nothing is clear by new rules until the browser was asked again. */
  replaceRules(rules: PageRules): void {
    this.#rules = rules;
    this.#clearSince = null;
  }

  get isClear(): boolean {
    return this.#clearSince !== null;
  }

  /** Whether an excluded page can be seen, or is about to be. */
  get hasExcluded(): boolean {
    return this.#excluded.size > 0 || this.#begun.size > 0;
  }

  /** Excluded pages that stand in tabs behind others. */
  get behind(): number {
    return this.#behind;
  }

  /** When the browser was last asked and its answer counted. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** What was captured after this and up to `clearUpTo` may be kept. */
  get settledAt(): number {
    return Math.max(this.#switchedUntil, ...[...this.#leaving.values()].map(({ until }) => until));
  }

  get clearUpTo(): number {
    return this.#clearSince === null ? 0 : this.#askedAt;
  }

  /** Whether this tab can be seen, by the last answer that counted. */
  isSeen(tab: number): boolean {
    return this.#visible.has(tab);
  }

  excludes(address: string, isFrame: boolean): boolean {
    return isExcluded(this.#rules, address, isFrame);
  }

  /** A navigation. Answers whether what waits has to go. */
  went(went: Went, now: number): boolean {
    const { tab, frame, url, stage, document } = went;
    if (this.#only !== null && tab !== this.#only) return false;
    const way = `${tab} ${frame}`;
    if (stage === "failed") {
      this.#begun.delete(way);
      return false;
    }
    if (stage === "committed") this.#begun.delete(way);
    // A document that was here before may come back: what it said of its paint then is worth nothing now.
    if (frame === 0 && stage === "committed" && document)
      this.#documents.set(tab, { document, paintedAt: null });
    if (!this.excludes(url, frame !== 0)) return false;
    if (frame !== 0) return this.#frameWent(went, now);
    if (stage === "before") this.#begun.set(way, now);
    else this.#exclude(tab, went);
    return this.#shut(now);
  }

  #shut(now: number): true {
    this.#heardAt = now;
    this.#clearSince = null;
    return true;
  }

  /** What cannot be seen shuts nothing. Should it come to the front now, the next answer names it, and no picture goes on
   * before one that was asked for after it was taken. */
  #isUnseen(tab: number, now: number): boolean {
    const isKnown = this.#clearSince !== null && now - this.#askedAt < SEEN_MS;
    return isKnown && !this.#visible.has(tab);
  }

  /** Many frames have no size, and show nothing: each is given a moment to say so before it shuts anything. */
  #frameWent(went: Went, now: number): boolean {
    const { tab, stage } = went;
    if (stage === "before" || this.#isUnseen(tab, now)) return false;
    const size = this.#sizes.of(went, now);
    if (size !== "seen") return false;
    this.#exclude(tab, went);
    return this.#shut(now);
  }

  /** A frame says whether there is anything of it to be seen. Answers whether what waits has to go. */
  sized(tab: number, frame: SeenFrame, isSeen: boolean, now: number): boolean {
    if (this.#only !== null && tab !== this.#only) return false;
    this.#sizes.tell(tab, frame, isSeen);
    if (!isSeen || !this.excludes(frame.url, true) || this.#isUnseen(tab, now)) return false;
    this.#exclude(tab, frame);
    return this.#shut(now);
  }

  #exclude(tab: number, { frame, document }: SeenFrame): void {
    const known = this.#excluded.get(tab) ?? { documents: new Set(), unnamed: false };
    if (frame === 0 && document) known.documents.add(document);
    else known.unnamed = true;
    this.#excluded.set(tab, known);
  }

  /** The page in this tab says that it has been painted. */
  painted(tab: number, address: string, document: string | undefined, now: number): void {
    const known = this.#documents.get(tab);
    if (this.excludes(address, false) || !document || known?.document !== document) return;
    known.paintedAt = now;
    const leaving = this.#leaving.get(tab);
    if (leaving?.document === document) leaving.until = Math.min(leaving.until, now + AFTER_PAINT_MS);
  }

  /** All visible pages, as the browser told them after `askedAt`. Answers whether what waits has to go. */
  see(visible: readonly SeenTab[], askedAt: number, now: number): boolean {
    for (const [way, since] of this.#begun) if (now - since > BEGUN_MS) this.#begun.delete(way);
    if (askedAt < this.#heardAt) return true;
    let isClear = true;
    this.#behind = 0;
    for (const seen of visible) {
      const excluded = this.#excludedOf(seen, now);
      for (const frame of excluded) this.#exclude(seen.tab, frame);
      if (excluded.length === 0) continue;
      isClear = false;
      if (seen.isBehind) this.#behind += 1;
    }
    for (const [tab, frame] of this.#sizes.late(now)) {
      this.#exclude(tab, frame);
      isClear = false;
    }
    if (!isClear || this.#begun.size > 0) {
      this.#clearSince = null;
      return true;
    }
    // Nothing is thrown away, and nothing goes on, until each frame has said what it is or is late with it.
    if (this.#sizes.areAwaited) return false;
    this.#askedAt = askedAt;
    this.#visible = new Set(visible.filter(({ isBehind }) => !isBehind).map(({ tab }) => tab));
    if (this.#clearSince === null) {
      this.#clearSince = now;
      this.#settle(visible, now);
    }
    return false;
  }

  #excludedOf({ tab, frames, isAudible, isBehind }: SeenTab, now: number): readonly SeenFrame[] {
    if (frames.length === 0) return [{ frame: 0, url: "" }];
    if (isBehind) return frames.filter(({ url }) => isTitleExcluded(this.#rules, url));
    return frames.filter((frame) => {
      if (!this.excludes(frame.url, frame.frame !== 0)) return false;
      return frame.frame === 0 || isAudible === true || this.#sizes.of({ tab, ...frame }, now) === "seen";
    });
  }

  /** When the picture of what was excluded is surely gone from the screen. */
  #settle(visible: readonly SeenTab[], now: number): void {
    for (const [tab, { until }] of this.#leaving) if (until <= now) this.#leaving.delete(tab);
    for (const [tab, exclusion] of this.#excluded) {
      const here = visible.find((seen) => seen.tab === tab);
      if (here) this.#leave(here, exclusion, now);
      else this.#switchedUntil = now + AFTER_SWITCH_MS;
    }
    this.#excluded = new Map();
  }

  /** Only another document in the place of the whole one says when its picture is gone; for all else time has to. */
  #leave({ tab, frames }: SeenTab, { documents, unnamed }: Exclusion, now: number): void {
    const { document } = frames.find(({ frame }) => frame === 0) ?? {};
    const isOther = !unnamed && document !== undefined && !documents.has(document);
    const known = this.#documents.get(tab);
    const painted = isOther && known?.document === document ? known.paintedAt : null;
    const until = painted === null ? now + WITHOUT_PAINT_MS : painted + AFTER_PAINT_MS;
    this.#leaving.set(tab, { document: isOther ? document : null, until });
  }
}
