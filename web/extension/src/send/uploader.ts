/**
 * Sends what lies in the spool, one segment at a time, and deletes it only on the server's receipt for exactly these
 * bytes. A segment the server will never take is put aside; what merely cannot be sent now waits.
 */
import { type Answer, backoffMs, isPassing } from "@clerestory/capture/src/transport/ask";
import { readLeave, readReceipt, type SealedSegment, type StartWish } from "../server/server";
import type { Run, Spool, Waiting } from "../spool/spool";

/** The part of the server this needs. */
export interface Receiver {
  start(token: string, wish: StartWish): Promise<Answer>;
  put(token: string, segment: SealedSegment): Promise<Answer>;
  discard(token: string, fromMs: number, toMs: number): Promise<Answer>;
  end(token: string, reason: "stopped" | "shutdown"): Promise<Answer>;
}

export interface UploaderEvents {
  /** A segment is safe: it may be played from now on, whatever happens to this device. */
  acknowledged(run: Run, segment: Waiting, policyVersion: number): void;
  /** Something changed that the person is shown. */
  changed(): void;
  /** The server does not know this browser any more. */
  ended(): void;
}

export interface Trouble {
  readonly reason: string;
  readonly nextTryAtMs: number;
}

/** What became of one request. `later`: nothing can be sent now. */
type Outcome = "done" | "later";

const TAKEN_BACK = "segment-taken-back";
/** After so many receipts for other bytes than ours the segment is put aside. */
const WRONG_RECEIPTS = 5;
/** Nothing that an attempt could change: somebody has to do something first. */
const REFUSED_WAIT_MS = 5 * 60_000;

/** A run that was cut off: the next one goes on in its recording, and needs what is known of it. */
export const mayGoOn = ({ ended, startedAtMs }: Run): boolean =>
  ended === null && Date.now() - startedAtMs < 2 * 24 * 60 * 60_000;

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class Uploader {
  readonly #spool: Spool;
  readonly #receiver: (server: string) => Receiver;
  readonly #recorderToken: () => string | null;
  readonly #events: UploaderEvents;
  /** The run that is being recorded: it goes first, and its end is not told. */
  #current: string | null = null;
  #tries = 0;
  #wrongReceipts = 0;
  #trouble: Trouble | null = null;
  #working: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #again = false;
  #tasks: (() => Promise<void>)[] = [];

  constructor(
    spool: Spool,
    receiver: (server: string) => Receiver,
    recorderToken: () => string | null,
    events: UploaderEvents,
  ) {
    this.#spool = spool;
    this.#receiver = receiver;
    this.#recorderToken = recorderToken;
    this.#events = events;
  }

  get trouble(): Trouble | null {
    return this.#trouble;
  }

  set current(writer: string | null) {
    this.#current = writer;
  }

  /** There may be something to send. Resolves when nothing is left. */
  nudge(): Promise<void> {
    this.#again = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  /** There is a reason to try now what was to be tried later. */
  hurry(): void {
    this.#wake?.();
  }

  /** Does something while no segment is on its way. */
  async between(work: () => Promise<void>): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#tasks.push(() => work().then(resolve, reject));
    });
    void this.nudge();
    this.hurry();
    await done;
  }

  async #work(): Promise<void> {
    // Looked at anew after each segment: what is being recorded comes before what was left behind.
    for (;;) {
      for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) await task();
      this.#again = false;
      const next = await this.#next();
      if (!next && this.#tasks.length === 0 && !this.#again) return;
      if (!next) continue;
      const outcome = await next();
      this.#events.changed();
      if (outcome === "done") {
        this.#tries = 0;
        this.#trouble = null;
      } else {
        await this.#wait();
      }
    }
  }

  async #next(): Promise<(() => Promise<Outcome>) | null> {
    const runs = await this.#spool.runs();
    const ordered = [...runs].sort(
      (a, b) => Number(b.writer === this.#current) - Number(a.writer === this.#current),
    );
    for (const run of ordered) {
      const [discard] = run.discarded;
      if (discard) return () => this.#tellDiscard(run, discard);
      const [segment] = await this.#spool.waiting(run.writer);
      if (segment) return () => this.#send(run, segment);
      if (run.writer !== this.#current && !mayGoOn(run)) return () => this.#finish(run);
    }
    return null;
  }

  async #send(run: Run, segment: Waiting): Promise<Outcome> {
    const body = await this.#spool.read(run.writer, segment);
    if (!body) return "done";
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
    const { kind, sequence, policyVersion } = segment;
    const { spoolKeyId } = run;
    const sealed = { kind, sequence, policyVersion, spoolKeyId, body, digest };
    const answer = await this.#receiver(run.server).put(run.token, sealed);
    if (answer.status === 200) return this.#receipted(run, segment, answer, hex(digest));
    // The person took this time back: nobody is to have it any more, here neither.
    if (answer.slug === TAKEN_BACK) {
      await this.#spool.remove(run.writer, segment);
      return "done";
    }
    return this.#refused(run, answer, async (reason) => {
      await this.#spool.quarantine(run, segment, reason);
    });
  }

  async #receipted(run: Run, segment: Waiting, answer: Answer, expected: string): Promise<Outcome> {
    if (readReceipt(answer, segment.sequence) === expected) {
      this.#wrongReceipts = 0;
      await this.#spool.remove(run.writer, segment);
      const { policy_version: version } = answer.body;
      this.#events.acknowledged(run, segment, typeof version === "number" ? version : 0);
      return "done";
    }
    this.#wrongReceipts += 1;
    if (this.#wrongReceipts < WRONG_RECEIPTS) return this.#later("receipt-differs", answer);
    this.#wrongReceipts = 0;
    await this.#spool.quarantine(run, segment, "receipt-differs");
    return "done";
  }

  /** What an answer other than yes means for the run; `aside` is called where this request is never taken. */
  async #refused(run: Run, answer: Answer, aside: (reason: string) => Promise<void>): Promise<Outcome> {
    if (answer.status === 401) return this.#renew(run);
    if (answer.status === 403) return this.#later(answer.slug || "refused", answer, REFUSED_WAIT_MS);
    if (isPassing(answer)) return this.#later(answer.slug || "unreachable", answer);
    await aside(answer.slug || `status-${answer.status}`);
    return "done";
  }

  /** The token ran out: the same run asks for another. */
  async #renew(run: Run): Promise<Outcome> {
    const token = this.#recorderToken();
    if (token === null) return this.#later("not-joined", null, REFUSED_WAIT_MS);
    const { writer, surface, notice } = run;
    const wish = { writer, resume: run.token, surface, notice, audio: run.tracks.audio !== null };
    const answer = await this.#receiver(run.server).start(token, wish);
    if (answer.status === 401) {
      this.#events.ended();
      return this.#later("not-joined", answer, REFUSED_WAIT_MS);
    }
    const leave = readLeave(answer.body);
    const isSame = leave?.recording === run.recording && leave.tracks.video?.id === run.tracks.video;
    if (answer.status === 201 && leave && isSame) {
      await this.#spool.changeRun(run.writer, () => ({ token: leave.token }));
      return "done";
    }
    if (isPassing(answer)) return this.#later(answer.slug || "unreachable", answer);
    if (answer.status === 201 || answer.status === 410) {
      for (const segment of [...(await this.#spool.waiting(run.writer))])
        await this.#spool.quarantine(run, segment, "recording-closed");
      await this.#spool.changeRun(run.writer, () => ({ discarded: [], ended: "continued" }));
      return "done";
    }
    return this.#later(answer.slug || "refused", answer, REFUSED_WAIT_MS);
  }

  async #tellDiscard(run: Run, times: Run["discarded"][number]): Promise<Outcome> {
    const answer = await this.#receiver(run.server).discard(run.token, times.fromMs, times.toMs);
    const told = () =>
      this.#spool.changeRun(run.writer, ({ discarded }) => ({
        discarded: discarded.filter(({ fromMs, toMs }) => fromMs !== times.fromMs || toMs !== times.toMs),
      }));
    if (answer.status !== 202) return this.#refused(run, answer, told);
    await told();
    return "done";
  }

  /** Nothing is left of a run that is over. */
  async #finish(run: Run): Promise<Outcome> {
    if (run.ended === "stopped" || run.ended === "shutdown") {
      const answer = await this.#receiver(run.server).end(run.token, run.ended);
      // Where it may not be told any more, the server ends it by itself when nothing came for a day.
      if (isPassing(answer)) return this.#later(answer.slug || "unreachable", answer);
    }
    await this.#spool.forgetRun(run.writer);
    return "done";
  }

  #later(reason: string, answer: Answer | null, least = 0): Outcome {
    this.#tries += 1;
    const none = { status: 0, slug: "", body: {}, retryAfterMs: null };
    const wait = Math.max(least, backoffMs(this.#tries, answer ?? none));
    this.#trouble = { reason, nextTryAtMs: Date.now() + wait };
    return "later";
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, (this.#trouble?.nextTryAtMs ?? 0) - Date.now()));
      this.#wake = () => {
        this.#wake = null;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
