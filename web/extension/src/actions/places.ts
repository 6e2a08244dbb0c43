/** Where each tab is, as the action log tells it: where it went, and after a gap where it is by then. */
import { toldAddress } from "../policy/pages";
import { type Entry, type PlaceEntry, shortText } from "./entries";

/** Told twice in so short a time it is one navigation. */
const SAME_PLACE_MS = 500;

export interface PlacesEvents {
  excludes(address: string): boolean;
  /** It waits, like everything else, for what can be seen to be judged. */
  told(entry: PlaceEntry): void;
}

export class Places {
  readonly #events: PlacesEvents;
  readonly #places = new Map<number, PlaceEntry>();
  readonly #titles = new Map<number, { readonly url: string; readonly title: string }>();
  /** What went into the log. */
  readonly #logged = new WeakSet<Entry>();

  constructor(events: PlacesEvents) {
    this.#events = events;
  }

  /** A tab went somewhere, or came to the front there. */
  at(kind: PlaceEntry["kind"], tab: number, address: string, t: number): void {
    const url = toldAddress(address);
    const before = this.#places.get(tab);
    const isKnown = before?.url === url && kind === "navigate" && t - before.t < SAME_PLACE_MS;
    if (!/^https?:/.test(address) || this.#events.excludes(address) || isKnown) return;
    const known = this.#titles.get(tab);
    this.#tell({ t, kind, tab, url, title: known?.url === url ? known.title : "" });
  }

  /** Where a tab in front is when a recording begins: what is done there was done somewhere. */
  begin(tab: number, address: string, t: number): void {
    if (!this.#places.has(tab)) this.at("tab", tab, address, t);
  }

  #tell(place: PlaceEntry): void {
    this.#places.set(place.tab, place);
    this.#events.told(place);
  }

  /** It went where nothing is told of. */
  leave(tab: number): void {
    this.#places.delete(tab);
    this.#titles.delete(tab);
  }

  /** It is in the log, and not in a gap. */
  logged(entry: Entry): void {
    this.#logged.add(entry);
  }

  /** The page tells its title when it was read, sooner or later than the browser tells of the navigation. */
  entitle(tab: number, address: string, told: unknown): void {
    const { kind, title } = told as { readonly kind?: unknown; readonly title?: unknown };
    if (kind !== "title" || typeof title !== "string") return;
    const url = toldAddress(address);
    this.#titles.set(tab, { url, title: shortText(title) });
    const place = this.#places.get(tab);
    if (place?.url === url) place.title = shortText(title);
  }

  /** After a gap: where those tabs are that can be seen and went there within it. How they came there is not told. */
  again(fromMs: number, isSeen: (tab: number) => boolean): void {
    for (const [tab, place] of this.#places) {
      if (this.#logged.has(place) || !isSeen(tab)) continue;
      // The rules may be others by now.
      if (this.#events.excludes(place.url)) this.leave(tab);
      else this.#tell({ ...place, t: Math.round(fromMs) });
    }
  }
}
