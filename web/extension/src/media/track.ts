/** Cuts what an encoder puts out, and the gaps in it, into segments. */
import type { Chunk, Gap } from "./segment";
import { MAX_CHUNKS, MAX_SPAN_MS } from "./segment";

/** A piece of a track that is ready to be written. */
export interface Cut<Format> {
  /** `null` where nothing was encoded yet and only a gap is told. */
  readonly format: Format | null;
  readonly chunks: readonly Chunk[];
  readonly gaps: readonly Gap[];
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Lengths {
  /** A segment is cut at the first chunk that allows it after so long. */
  readonly wantedMs: number;
  /** Never larger than this. */
  readonly bytes: number;
}

/** A chunk that lasts longer than this was followed by a gap. */
const LONGEST_US = 2_000_000;

const endOf = ({ timestampUs, durationUs }: Chunk): number => timestampUs + durationUs;

export class TrackCutter<Format> {
  readonly #lengths: Lengths;
  readonly #put: (cut: Cut<Format>) => void;
  #format: Format | null = null;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #gaps: Gap[] = [];
  #lastUs = Number.NEGATIVE_INFINITY;

  constructor(lengths: Lengths, put: (cut: Cut<Format>) => void) {
    this.#lengths = lengths;
    this.#put = put;
  }

  /** Where the segment that is being gathered begins, in microseconds, or `null` where it is empty. */
  get beganUs(): number | null {
    return this.#chunks[0]?.timestampUs ?? null;
  }

  /** Where it ends so far. */
  get endUs(): number | null {
    const last = this.#chunks.at(-1);
    return last ? endOf(last) : null;
  }

  /** How the chunks that follow are encoded. */
  describe(format: Format): void {
    if (JSON.stringify(format) === JSON.stringify(this.#format)) return;
    this.cut();
    this.#format = format;
  }

  /** Adds a chunk. What comes before a key frame cannot be drawn and is left out. */
  add(chunk: Chunk): void {
    if (chunk.timestampUs <= this.#lastUs || chunk.bytes.length === 0) return;
    this.#lastsUntil(chunk.timestampUs);
    const began = this.beganUs;
    if (began === null) {
      if (!chunk.key) return;
    } else if (this.#isFull(chunk, began)) {
      this.cut();
      if (!chunk.key) return;
    }
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes.length;
    this.#lastUs = chunk.timestampUs;
  }

  /** What was shown stays until the next picture comes. */
  #lastsUntil(nextUs: number): void {
    const last = this.#chunks.at(-1);
    if (!last) return;
    const durationUs = nextUs - last.timestampUs;
    if (durationUs < LONGEST_US) this.#chunks.splice(-1, 1, { ...last, durationUs });
  }

  #isFull(next: Chunk, began: number): boolean {
    const lasted = next.timestampUs - began;
    return (
      (next.key && lasted >= this.#lengths.wantedMs * 1000) ||
      endOf(next) - began > MAX_SPAN_MS * 1000 ||
      this.#chunks.length >= MAX_CHUNKS ||
      this.#bytes + next.bytes.length > this.#lengths.bytes
    );
  }

  /** Tells a gap. It goes with what comes next, as what came before is whole without it. */
  gap(gap: Gap): void {
    const last = this.#gaps.at(-1);
    if (last && last.reason === gap.reason && gap.from_ms <= last.to_ms)
      this.#gaps.splice(-1, 1, { ...last, to_ms: Math.max(last.to_ms, gap.to_ms) });
    else this.#gaps.push(gap);
  }

  /** Ends the segment that is being gathered; nothing happens where there is nothing to tell. */
  cut(): void {
    const [first] = this.#chunks;
    const last = this.#chunks.at(-1);
    const times = [
      ...this.#gaps.flatMap(({ from_ms, to_ms }) => [from_ms, to_ms]),
      ...(first && last ? [first.timestampUs / 1000, endOf(last) / 1000] : []),
    ];
    if (times.length === 0) return;
    const cut = { format: this.#format, chunks: this.#chunks, gaps: this.#gaps };
    this.#chunks = [];
    this.#gaps = [];
    this.#bytes = 0;
    this.#put({ ...cut, fromMs: Math.floor(Math.min(...times)), toMs: Math.ceil(Math.max(...times)) });
  }

  /** Throws away what is being gathered and was captured at `fromMs` or later. */
  discard(fromMs: number): void {
    const kept = this.#chunks.filter((chunk) => endOf(chunk) / 1000 <= fromMs);
    this.#chunks = kept;
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}
