/** Gathers the entries of the action log that may be kept, in order, into segments. */
import type { Gap } from "../media/segment";
import type { ActionsCut } from "../run/shelf";
import type { Entry } from "./entries";

const MOST_ENTRIES = 2000;

export class ActionLog {
  readonly #everyMs: number;
  readonly #put: (cut: ActionsCut) => void;
  #entries: Entry[] = [];
  #toMs = 0;

  constructor(everyMs: number, put: (cut: ActionsCut) => void) {
    this.#everyMs = everyMs;
    this.#put = put;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#toMs = Math.max(this.#toMs, entry.t, entry.kind === "gap" ? entry.to : 0);
    if (this.#entries.length >= MOST_ENTRIES) this.cut();
  }

  gap({ from_ms, to_ms, reason }: Gap): void {
    this.add({ t: from_ms, kind: "gap", to: to_ms, reason });
  }

  /** Cuts where the oldest entry waited long enough. */
  tick(nowMs: number): void {
    const [first] = this.#entries;
    if (first && nowMs - first.t >= this.#everyMs) this.cut();
  }

  cut(): void {
    const ordered = this.#entries.sort((a, b) => a.t - b.t);
    const [first] = ordered;
    if (!first) return;
    const cut = { text: JSON.stringify(ordered), fromMs: first.t, toMs: this.#toMs };
    this.#entries = [];
    this.#toMs = 0;
    this.#put(cut);
  }

  discard(fromMs: number): void {
    this.#entries = this.#entries.filter(({ t }) => t < fromMs);
    this.#toMs = Math.max(0, ...this.#entries.map(({ t }) => t));
  }
}
