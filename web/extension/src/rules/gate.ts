/**
 * Whether what can be seen now may be captured. Nothing passes because nothing was heard: each picture waits until
 * the browser was asked about all visible pages after it was taken, and found clear.
 */
import { isExcluded, type PageRules } from "../policy/pages";

/** The frames of one tab that can be seen: active in a window, captured, or in picture-in-picture. */
export interface SeenTab {
  readonly tab: number;
  readonly frames: readonly { readonly frame: number; readonly url: string }[];
}

export interface Went {
  /** By the browser's account, in milliseconds since 1970. */
  readonly at: number;
  readonly tab: number;
  readonly frame: number;
  readonly url: string;
  /** `failed`: the page that was there stays. */
  readonly stage: "before" | "committed" | "changed" | "failed";
}

/** A page that says it has been painted has replaced the one before it on the screen; the compositor gets a moment. */
const AFTER_PAINT_MS = 700;
/** Chromium shows the page before for at most 4 s where the new one paints nothing. */
const WITHOUT_PAINT_MS = 4500;
/** Another tab is in front, or a window is gone. */
const AFTER_SWITCH_MS = 1500;
/** A navigation to an excluded page that was begun and never heard of again. */
const BEGUN_MS = 30_000;

export class Gate {
  #rules: PageRules;
  /** The one tab that is captured, or `null` where every visible page counts. */
  readonly #only: number | null;
  /** Tabs that show an excluded page, as far as is known. */
  #excluded = new Set<number>();
  /** Tabs on their way to an excluded page, with the time they left. */
  readonly #begun = new Map<number, number>();
  readonly #paintedAt = new Map<number, number>();
  #clearSince: number | null = null;
  /** When an exclusion was last heard of: an answer to an earlier question does not lift it. */
  #heardAt = 0;
  /** The tab whose next paint ends the wait, where a tab went from an excluded page to another. */
  #waitsFor: number | null = null;
  #settledAt = 0;
  #askedAt = 0;

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

  /** When the browser was last asked and its answer counted. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** What was captured after this and up to `clearUpTo` may be kept. */
  get settledAt(): number {
    return this.#settledAt;
  }

  get clearUpTo(): number {
    return this.#clearSince === null ? 0 : this.#askedAt;
  }

  excludes(address: string, isFrame: boolean): boolean {
    return isExcluded(this.#rules, address, isFrame);
  }

  /** A navigation. Answers whether what waits has to go. */
  went({ tab, frame, url, stage }: Went, now: number): boolean {
    if (this.#only !== null && tab !== this.#only) return false;
    if (stage === "failed") {
      this.#begun.delete(tab);
      return false;
    }
    const excluded = this.excludes(url, frame !== 0);
    if (frame === 0 && stage === "committed") {
      this.#begun.delete(tab);
      if ((this.#paintedAt.get(tab) ?? 0) < now - AFTER_PAINT_MS) this.#paintedAt.delete(tab);
    }
    if (!excluded) return false;
    if (stage === "before") this.#begun.set(tab, now);
    else this.#excluded.add(tab);
    this.#heardAt = now;
    this.#clearSince = null;
    return true;
  }

  /** The page in this tab says that it has been painted. */
  painted(tab: number, address: string, now: number): void {
    if (this.excludes(address, false)) return;
    this.#paintedAt.set(tab, now);
    if (this.#waitsFor === tab && this.#clearSince !== null)
      this.#settledAt = Math.min(this.#settledAt, now + AFTER_PAINT_MS);
  }

  /** All visible pages, as the browser told them after `askedAt`. Answers whether what waits has to go. */
  see(visible: readonly SeenTab[], askedAt: number, now: number): boolean {
    for (const [tab, since] of this.#begun) if (now - since > BEGUN_MS) this.#begun.delete(tab);
    if (askedAt < this.#heardAt) return true;
    const excluded = visible.filter(({ frames }) =>
      frames.some(({ frame, url }) => this.excludes(url, frame !== 0)),
    );
    const before = new Set([...this.#excluded, ...excluded.map(({ tab }) => tab)]);
    this.#excluded = before;
    const isGone = this.#only !== null && !visible.some(({ tab }) => tab === this.#only);
    if (excluded.length > 0 || this.#begun.size > 0 || isGone) {
      this.#clearSince = null;
      return true;
    }
    this.#excluded = new Set();
    this.#askedAt = askedAt;
    if (this.#clearSince === null) {
      this.#clearSince = now;
      this.#settle(before, visible, now);
    }
    return false;
  }

  /** When the picture of what was excluded is surely gone from the screen. */
  #settle(before: ReadonlySet<number>, visible: readonly SeenTab[], now: number): void {
    const stayed = visible.find(({ tab }) => before.has(tab))?.tab;
    this.#waitsFor = stayed ?? null;
    if (stayed !== undefined) {
      const painted = this.#paintedAt.get(stayed);
      this.#settledAt = painted === undefined ? now + WITHOUT_PAINT_MS : painted + AFTER_PAINT_MS;
    } else if (before.size > 0) {
      this.#settledAt = now + AFTER_SWITCH_MS;
    }
  }
}
