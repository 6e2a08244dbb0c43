/** What is on its way to the server, as files: sealed segments, and beside them what is needed to send them. */

import type { FileRequest, Listed } from "./files";
import type { Kind } from "./names";
import { byAge, readSegmentName, type SegmentName, segmentName, UNFINISHED } from "./names";

/** Performs one request about files. Rejects where the disk refuses. */
export type Files = (request: FileRequest) => Promise<unknown>;

/** Times the server still has to be told are thrown away. */
export interface Times {
  readonly fromMs: number;
  readonly toMs: number;
  /** Of what waits here they are gone already. */
  readonly isTakenHere: boolean;
}

/** What the next run of the browser needs in order to send what this one left behind. */
export interface Run {
  readonly writer: string;
  readonly server: string;
  /** Which enrolment began it: no other may speak for it. */
  readonly recorder: string;
  /** May write these tracks; worth nothing else. */
  readonly token: string;
  /** When the token is to be renewed while it is recorded, by the device's clock. */
  readonly renewAtMs: number | null;
  readonly recording: string;
  readonly tracks: Readonly<Record<Kind, string | null>>;
  readonly spoolKeyId: string;
  readonly spoolKey: string;
  readonly surface: "tab" | "window" | "screen";
  readonly notice: string;
  readonly startedAtMs: number;
  /** How it ended, where it did so by itself; `continued`: another run goes on in its recording. */
  readonly ended: "stopped" | "shutdown" | "continued" | null;
  readonly discarded: readonly Times[];
  /** When it ended, in the time of its segments; `null` while it runs or where it was cut off. */
  readonly endedAtMs?: number | null;
  /** All is sent and its end is told: until then the token is still good for taking times back. */
  readonly takeBackUntilMs?: number | null;
  /** The server takes nothing more for it, by any token. */
  readonly isClosed?: boolean;
}

export interface Waiting extends SegmentName {
  readonly size: number;
}

export interface Refused {
  readonly recording: string;
  readonly name: SegmentName;
  readonly reason: string;
  readonly size: number;
}

export const RUNS = "runs";
const QUARANTINE = "quarantine";
export const RUN_FILE = "run.json";

const isRun = (value: unknown): value is Run =>
  typeof value === "object" &&
  value !== null &&
  ["writer", "server", "recorder", "token", "recording", "spoolKeyId", "spoolKey"].every(
    (field) => typeof (value as Record<string, unknown>)[field] === "string",
  ) &&
  Array.isArray((value as Partial<Run>).discarded);

/** `null` for what is no run, or was not written to its end. */
export function readRun(text: string): Run | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRun(value) ? value : null;
  } catch {
    return null;
  }
}

/** One context owns the spool, so what lies there is read once and remembered. */
export class Spool {
  readonly #files: Files;
  #runs: Map<string, Run> | null = null;
  #reading: Promise<Map<string, Run>> | null = null;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** Every run that left something, oldest first. */
  async runs(): Promise<Run[]> {
    return [...(await this.#known()).values()].sort((a, b) => a.startedAtMs - b.startedAtMs);
  }

  #known(): Promise<Map<string, Run>> {
    if (this.#runs) return Promise.resolve(this.#runs);
    // Once: what is swept away must not be what somebody writes meanwhile.
    this.#reading ??= this.#readRuns().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #readRuns(): Promise<Map<string, Run>> {
    const found = new Map<string, Run>();
    for (const { name, isFolder } of await this.#list([RUNS])) {
      if (!isFolder) continue;
      await this.#sweep(name);
      const run = await this.#readRun(name);
      if (run) found.set(name, run);
      else await this.#giveUp(name);
    }
    this.#runs ??= found;
    return this.#runs;
  }

  /** What was being written when the browser ended is nothing. */
  async #sweep(writer: string): Promise<void> {
    for (const { name } of await this.#list([RUNS, writer]))
      if (name.endsWith(UNFINISHED)) await this.#files({ op: "remove", path: [RUNS, writer, name] });
  }

  /** A run of which nobody knows where it belongs: its segments are put aside, so that the person hears of them. */
  async #giveUp(writer: string): Promise<void> {
    for (const { name: file } of await this.#list([RUNS, writer])) {
      const place = [QUARANTINE, `unknown~${writer}~run-unreadable`];
      if (readSegmentName(file))
        await this.#files({ op: "move", path: [RUNS, writer, file], to: [...place, file] });
    }
    await this.#files({ op: "remove", path: [RUNS, writer] });
  }

  async #readRun(place: string, below = RUNS): Promise<Run | null> {
    const bytes = (await this.#files({ op: "read", path: [below, place, RUN_FILE] })) as Uint8Array | null;
    return bytes && readRun(new TextDecoder().decode(bytes));
  }

  async run(writer: string): Promise<Run | null> {
    return (await this.#known()).get(writer) ?? null;
  }

  async beginRun(run: Run): Promise<void> {
    (await this.#known()).set(run.writer, run);
    await this.#saveRun(run);
  }

  /** Changes what is known of a run; two changes at once both hold. */
  async changeRun(writer: string, change: (run: Run) => Partial<Run>): Promise<void> {
    const known = await this.#known();
    const run = known.get(writer);
    if (!run) return;
    const changed = { ...run, ...change(run) };
    known.set(writer, changed);
    await this.#saveRun(changed);
  }

  async #saveRun(run: Run): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(run));
    await this.#files({ op: "write", path: [RUNS, run.writer, RUN_FILE], bytes });
  }

  async forgetRun(writer: string): Promise<void> {
    (await this.#known()).delete(writer);
    this.#waiting.delete(writer);
    await this.#files({ op: "remove", path: [RUNS, writer] });
  }

  /** What was not acknowledged yet, oldest first. */
  async waiting(writer: string): Promise<readonly Waiting[]> {
    const known = this.#waiting.get(writer);
    if (known) return known;
    const rows = await this.#list([RUNS, writer]);
    const found = rows.flatMap(({ name, size }) => {
      const segment = readSegmentName(name);
      return segment ? [{ ...segment, size }] : [];
    });
    // Somebody else may have asked meanwhile, and something been added since.
    const listed = this.#waiting.get(writer) ?? found.sort(byAge);
    this.#waiting.set(writer, listed);
    return listed;
  }

  /** On the disk, whole, when this resolves. */
  async put(writer: string, name: SegmentName, sealed: Uint8Array<ArrayBuffer>): Promise<void> {
    const waiting = (await this.waiting(writer)) as Waiting[];
    await this.#files({ op: "write", path: [RUNS, writer, segmentName(name)], bytes: sealed });
    const added = { ...name, size: sealed.length };
    let at = waiting.length;
    for (let before = waiting[at - 1]; before && byAge(before, added) > 0; before = waiting[at - 1]) at -= 1;
    waiting.splice(at, 0, added);
  }

  /** Other content under the same name. */
  async replace(writer: string, name: SegmentName, sealed: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#leaves(writer, name);
    await this.put(writer, name, sealed);
  }

  async read(writer: string, name: SegmentName): Promise<Uint8Array<ArrayBuffer> | null> {
    const path = [RUNS, writer, segmentName(name)];
    return (await this.#files({ op: "read", path })) as Uint8Array<ArrayBuffer> | null;
  }

  async remove(writer: string, name: SegmentName): Promise<void> {
    this.#leaves(writer, name);
    await this.#files({ op: "remove", path: [RUNS, writer, segmentName(name)] });
  }

  #leaves(writer: string, { kind, sequence }: SegmentName): void {
    const waiting = this.#waiting.get(writer);
    const at = waiting?.findIndex((row) => row.kind === kind && row.sequence === sequence) ?? -1;
    if (at >= 0) waiting?.splice(at, 1);
  }

  /** Puts a segment aside that the server will never take, so that the next one can go. */
  async quarantine(run: Run, name: SegmentName, reason: string): Promise<void> {
    const { writer, recording } = run;
    this.#leaves(writer, name);
    const place = [QUARANTINE, `${recording}~${writer}~${reason.replace(/[^a-z0-9-]/g, "-")}`];
    const path = [RUNS, writer, segmentName(name)];
    await this.#files({ op: "move", path, to: [...place, segmentName(name)] });
    // With it, what is needed to try it again when its run is over.
    const bytes = new TextEncoder().encode(JSON.stringify(run));
    await this.#files({ op: "write", path: [...place, RUN_FILE], bytes });
  }

  async refused(): Promise<Refused[]> {
    const found: Refused[] = [];
    for (const { name: place } of await this.#list([QUARANTINE])) {
      const [recording = "", , reason = ""] = place.split("~");
      for (const { name: file, size } of await this.#list([QUARANTINE, place])) {
        const name = readSegmentName(file);
        if (name) found.push({ recording, name, reason, size });
      }
    }
    return found;
  }

  /** Lays what was put aside where it lay, to be sent once more; of a run nobody knows nothing can be. */
  async retryRefused(): Promise<void> {
    for (const { name: place } of await this.#list([QUARANTINE])) {
      const [, writer = ""] = place.split("~");
      const run = (await this.run(writer)) ?? (await this.#readRun(place, QUARANTINE));
      if (!run) continue;
      await this.beginRun(run);
      const waiting = (await this.waiting(writer)) as Waiting[];
      for (const { name: file, size } of await this.#list([QUARANTINE, place])) {
        const name = readSegmentName(file);
        if (!name) continue;
        await this.#files({ op: "move", path: [QUARANTINE, place, file], to: [RUNS, writer, file] });
        waiting.push({ ...name, size });
        waiting.sort(byAge);
      }
      await this.#files({ op: "remove", path: [QUARANTINE, place] });
    }
  }

  async forgetRefused(): Promise<void> {
    await this.#files({ op: "remove", path: [QUARANTINE] });
  }

  /** Deletes all that lies here, sent or not. */
  async forgetAll(): Promise<void> {
    for (const { writer } of await this.runs()) await this.forgetRun(writer);
    await this.#files({ op: "remove", path: [RUNS] });
    await this.forgetRefused();
  }

  async #list(path: readonly string[]): Promise<Listed[]> {
    return (await this.#files({ op: "list", path })) as Listed[];
  }
}
