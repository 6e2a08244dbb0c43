/**
 * Where everything captured waits, and where it is decided what goes on to the encoders: what was taken while nothing
 * spoke against it, and is known to be clear. The rest is thrown away, and the time it was about becomes a gap.
 */
import { DELAY_MS, DelayLine } from "../media/delay";
import type { Gap, GapReason } from "../media/segment";
import type { Gate } from "./gate";

export interface ValveEvents<P, S, E> {
  picture(atMs: number, picture: P): void;
  sample(atMs: number, sample: S): void;
  entry(atMs: number, entry: E): void;
  gap(gap: Gap): void;
  /** Something goes through again after a gap: what was captured at `fromMs` or later. */
  opened(fromMs: number): void;
}

/** The browser did not answer for so long what is visible: nothing is kept of what nobody judged. */
const UNJUDGED_MS = 3000;
/** A gap that lasts is told in pieces, so that whoever watches live knows. */
const TELL_MS = 60_000;
/** Something stopped the whole device, or us, for longer than this. */
const ASLEEP_MS = 5000;

const MOST_PICTURES = 150;
const MOST_SAMPLES = 1000;
const MOST_ENTRIES = 5000;

export class Valve<P, S, E> {
  readonly #gate: Gate;
  readonly #events: ValveEvents<P, S, E>;
  readonly #pictures = new DelayLine<P>(MOST_PICTURES);
  readonly #samples = new DelayLine<S>(MOST_SAMPLES);
  readonly #entries = new DelayLine<E>(MOST_ENTRIES);
  /** Everything up to here went on. */
  #keptUpTo: number;
  /** What the last picture that went on was told to be from. */
  #pictureAtMs = 0;
  /** What was taken before this is of a gap. */
  #openFrom: number;
  #shut: { readonly reason: GapReason; readonly from: number } | null = null;
  /** There was no room for what was taken up to here, before it was its turn. */
  #overflowedUpTo = 0;
  #pumpedAt: number;
  /** Since when answers can have been expected. */
  #awakeAt: number;

  constructor(gate: Gate, nowMs: number, events: ValveEvents<P, S, E>) {
    this.#gate = gate;
    this.#events = events;
    this.#keptUpTo = nowMs;
    this.#openFrom = nowMs;
    this.#pumpedAt = nowMs;
    this.#awakeAt = nowMs;
  }

  /** Why nothing goes through, and since when. */
  get shut(): { readonly reason: GapReason; readonly from: number } | null {
    return this.#shut;
  }

  get isEmpty(): boolean {
    return this.#pictures.length + this.#samples.length + this.#entries.length === 0;
  }

  addPicture(atMs: number, picture: P): void {
    this.#overflowed(this.#pictures.push(atMs, picture));
  }

  addSample(atMs: number, sample: S): void {
    this.#overflowed(this.#samples.push(atMs, sample));
  }

  addEntry(atMs: number, entry: E): void {
    this.#overflowed(this.#entries.push(atMs, entry));
  }

  #overflowed(oldest: { readonly at: number } | null): void {
    if (oldest) this.#overflowedUpTo = Math.max(this.#overflowedUpTo, oldest.at + 1);
  }

  /** Called often, and at once when something changed. `against`: what speaks against capture besides the pages. */
  pump(nowMs: number, against: GapReason | null): void {
    const slept = nowMs - this.#pumpedAt > ASLEEP_MS || nowMs < this.#pumpedAt - ASLEEP_MS;
    this.#pumpedAt = nowMs;
    if (slept) this.#awakeAt = nowMs;
    const excluded = this.#gate.hasExcluded ? "blocked" : null;
    const reason = against ?? excluded ?? (slept ? "lost" : this.#unclear(nowMs));
    if (reason) {
      this.#close(reason, nowMs);
      return;
    }
    if (this.#shut) this.#open();
    this.#tellOverflow();
    this.#release(Math.min(nowMs - DELAY_MS, this.#gate.clearUpTo));
  }

  /** Why it is not known yet whether what can be seen may be kept. */
  #unclear(nowMs: number): GapReason | null {
    if (this.#gate.isClear && nowMs < this.#gate.settledAt) return "blocked";
    return nowMs - Math.max(this.#gate.askedAt, this.#awakeAt) > UNJUDGED_MS ? "policy" : null;
  }

  #close(reason: GapReason, nowMs: number): void {
    for (const line of [this.#pictures, this.#samples, this.#entries]) line.drop();
    this.#openFrom = nowMs;
    this.#overflowedUpTo = 0;
    const shut = this.#shut;
    if (shut === null) {
      this.#shut = { reason, from: this.#keptUpTo };
    } else if (shut.reason !== reason || nowMs - shut.from > TELL_MS) {
      this.#tell(shut, nowMs);
      this.#shut = { reason, from: nowMs };
    }
  }

  #open(): void {
    const from = Math.max(this.#openFrom, this.#gate.settledAt);
    this.#openFrom = from;
    if (this.#shut) this.#tell(this.#shut, from);
    this.#shut = null;
    this.#keptUpTo = from;
    this.#events.opened(from);
  }

  /** What was pushed out went from all three, so that they have the same gaps. */
  #tellOverflow(): void {
    const to = this.#overflowedUpTo;
    if (to <= this.#keptUpTo) return;
    this.#tell({ reason: "lost", from: this.#keptUpTo }, to);
    this.#keptUpTo = to;
    this.#openFrom = Math.max(this.#openFrom, to);
  }

  #tell({ reason, from }: { reason: GapReason; from: number }, to: number): void {
    if (to > from) this.#events.gap({ from_ms: Math.round(from), to_ms: Math.round(to), reason });
  }

  #release(upTo: number): void {
    if (upTo <= this.#keptUpTo) return;
    const kept = <T>({ at }: { at: number; item: T }): boolean => at >= this.#openFrom;
    for (const { at, item } of this.#pictures.release(upTo).filter(kept)) {
      // The capturer's clock may be put right by some milliseconds. Told backwards, an encoded picture would be left out,
      // and nothing that builds on it could be drawn.
      this.#pictureAtMs = Math.max(at, this.#pictureAtMs + 1);
      this.#events.picture(this.#pictureAtMs, item);
    }
    for (const { at, item } of this.#samples.release(upTo).filter(kept)) this.#events.sample(at, item);
    for (const { at, item } of this.#entries.release(upTo).filter(kept)) this.#events.entry(at, item);
    this.#keptUpTo = upTo;
  }

  /** Throws away what waits and was captured at `fromMs` or later. */
  discard(fromMs: number): void {
    for (const line of [this.#pictures, this.#samples, this.#entries]) line.dropFrom(fromMs);
  }

  /** The recording is over: a gap that is still open ends with it. */
  end(nowMs: number): void {
    if (this.#shut) this.#tell(this.#shut, nowMs);
    this.#shut = null;
  }
}
