/** Puts what is finished where it cannot be lost: sealed, numbered, on the disk. Only then may it be sent. */
import { fromBase64Url, utf8 } from "@clerestory/capture/src/bytes";
import { seal, spoolInfo } from "@clerestory/capture/src/transport/hpke";
import type { PictureFormat } from "../media/picture-encoder";
import { type Gap, writeSegment } from "../media/segment";
import { SAMPLE_RATE, type SoundFormat } from "../media/sound";
import type { Cut } from "../media/track";
import type { Kind, SegmentName } from "../spool/names";
import type { Run, Spool } from "../spool/spool";

export interface ActionsCut {
  /** A JSON array. */
  readonly text: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export type Finished =
  | { readonly kind: "video"; readonly cut: Cut<PictureFormat> }
  | { readonly kind: "audio"; readonly cut: Cut<SoundFormat> }
  | { readonly kind: "actions"; readonly cut: ActionsCut };

/** What the head says where nothing was encoded yet and a gap has to be told. */
const NO_PICTURE: PictureFormat = { codec: "vp8", width: 2, height: 2 };
const NO_SOUND: SoundFormat = { codec: "opus", sample_rate: SAMPLE_RATE, channels: 1 };

export function encodeFinished(finished: Finished): Uint8Array<ArrayBuffer> {
  if (finished.kind === "actions") return utf8(finished.cut.text);
  const { chunks, gaps } = finished.cut;
  if (finished.kind === "video") {
    const head = { ...(finished.cut.format ?? NO_PICTURE), gaps };
    return writeSegment({ kind: "video", head, chunks });
  }
  const head = { ...(finished.cut.format ?? NO_SOUND), gaps };
  return writeSegment({ kind: "audio", head, chunks });
}

/** A segment that only says that these times were thrown away. */
export function discardedSegment({ kind, fromMs, toMs }: SegmentName): Uint8Array<ArrayBuffer> {
  const gap: Gap = { from_ms: fromMs, to_ms: toMs, reason: "discarded" };
  if (kind === "actions")
    return utf8(JSON.stringify([{ t: fromMs, kind: "gap", to: toMs, reason: "discarded" }]));
  const cut = { format: null, chunks: [], gaps: [gap], fromMs, toMs };
  return encodeFinished(kind === "video" ? { kind, cut } : { kind, cut });
}

export function sealFor(run: Run, kind: Kind, sequence: number, plain: Uint8Array<ArrayBuffer>) {
  const info = spoolInfo(run.recording, run.tracks[kind] ?? "", sequence);
  return seal(fromBase64Url(run.spoolKey), info, plain);
}

export interface ShelfEvents {
  /** It lies on the disk. */
  kept(name: SegmentName, mediaBytes: number, gaps: readonly Gap[]): void;
  /** The disk did not take it: these times are gone. */
  lost(kind: Kind, fromMs: number, toMs: number, why: string): void;
}

export class Shelf {
  readonly #spool: Spool;
  readonly #run: Run;
  readonly #next: Record<Kind, number>;
  readonly #policyVersion: () => number;
  readonly #events: ShelfEvents;
  #before: Promise<void> = Promise.resolve();

  constructor(
    spool: Spool,
    run: Run,
    next: Readonly<Record<Kind, number>>,
    policyVersion: () => number,
    events: ShelfEvents,
  ) {
    this.#spool = spool;
    this.#run = run;
    this.#next = { ...next };
    this.#policyVersion = policyVersion;
    this.#events = events;
  }

  put(finished: Finished): void {
    // Said of the time it was captured, not of the time it is written.
    const policyVersion = this.#policyVersion();
    this.#before = this.#before.then(() => this.#put(finished, policyVersion));
  }

  /** Resolves when everything put so far lies on the disk, or is lost. */
  idle(): Promise<void> {
    return this.#before;
  }

  async #put(finished: Finished, policyVersion: number): Promise<void> {
    const { kind } = finished;
    const { fromMs, toMs } = finished.cut;
    if (this.#run.tracks[kind] === null) return;
    const sequence = this.#next[kind];
    try {
      const sealed = await sealFor(this.#run, kind, sequence, encodeFinished(finished));
      const name = { kind, sequence, policyVersion, fromMs, toMs };
      await this.#spool.put(this.#run.writer, name, sealed);
      // The number is used up only now: a hole in the numbers would say that something is missing that never was.
      this.#next[kind] = sequence + 1;
      const { chunks = [], gaps = [] } = finished.kind === "actions" ? {} : finished.cut;
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
      this.#events.kept(name, bytes, gaps);
    } catch (error) {
      this.#events.lost(kind, fromMs, toMs, String(error));
    }
  }
}
