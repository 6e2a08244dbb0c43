/**
 * Whether there is anything to be seen of a frame, by the word of our script in it. Pages are full of frames of no size,
 * which sign people in or count them: those show nothing. One that says nothing for a while counts as one that can be seen.
 */
import type { SeenFrame } from "./gate";

/** A frame and the tab it is in. */
type Placed = SeenFrame & { readonly tab: number };

/** `awaited`: it may still say. */
export type FrameSize = "seen" | "unseen" | "awaited";

/** A script begins with its document, and says at once how large it is. */
const AWAITED_MS = 1500;
/** What is remembered of frames that may be long gone. */
const MOST = 2000;

interface Told {
  readonly document: string;
  readonly isSeen: boolean;
}

interface Awaited {
  readonly placed: Placed;
  readonly sinceMs: number;
}

const wayOf = ({ tab, frame }: Pick<Placed, "tab" | "frame">): string => `${tab} ${frame}`;

export class FrameSizes {
  readonly #told = new Map<string, Told>();
  readonly #awaited = new Map<string, Awaited>();

  /** What a document in a frame says of itself. */
  tell(tab: number, { frame, document }: SeenFrame, isSeen: boolean): void {
    if (!document) return;
    const way = wayOf({ tab, frame });
    if (this.#awaited.get(way)?.placed.document === document) this.#awaited.delete(way);
    this.#told.delete(way);
    this.#told.set(way, { document, isSeen });
    const [oldest] = this.#told.keys();
    if (this.#told.size > MOST && oldest !== undefined) this.#told.delete(oldest);
  }

  /** Of an excluded document in a frame. One that was not heard of yet is awaited from now on. */
  of(placed: Placed, nowMs: number): FrameSize {
    const way = wayOf(placed);
    const told = this.#told.get(way);
    if (!placed.document) return "seen";
    if (told?.document === placed.document) return told.isSeen ? "seen" : "unseen";
    const awaited = this.#awaited.get(way);
    if (awaited?.placed.document !== placed.document) this.#awaited.set(way, { placed, sinceMs: nowMs });
    return "awaited";
  }

  /** Whether something was found that has not said yet what it is, wherever it is now. */
  get areAwaited(): boolean {
    return this.#awaited.size > 0;
  }

  /** What said nothing in time: from now on it counts as something that can be seen. */
  late(nowMs: number): [number, SeenFrame][] {
    const late = [...this.#awaited].filter(([, { sinceMs }]) => nowMs - sinceMs > AWAITED_MS);
    for (const [, { placed }] of late) this.tell(placed.tab, placed, true);
    return late.map(([, { placed }]) => [placed.tab, placed]);
  }
}
