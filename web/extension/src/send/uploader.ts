/**
 * Sends what lies in the spool, one segment at a time, and deletes it only on the server's receipt for exactly these
 * bytes. A segment the server will never take is put aside; what merely cannot be sent now waits.
 */
import { type Answer, backoffMs, isPassing } from "@clerestory/capture/src/transport/ask";
import { readLeave, readReceipt, renewAtMs, type SealedSegment, type StartWish } from "../server/server";
import type { Run, Spool, Times, Waiting } from "../spool/spool";

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
  /** What should lie on the disk does not. */
  missing(segment: Waiting): void;
  /** Takes times out of what waits here, before the server is told. */
  takeBack(run: Run, times: Times): Promise<void>;
  /** Something changed that the person is shown. */
  changed(): void;
  /** The server does not know this browser any more. */
  ended(): void;
}

export interface Trouble {
  readonly reason: string;
  readonly nextTryAtMs: number;
}

/** What became of one request. `later`: it cannot be done now. */
type Outcome = "done" | "later";

/** One thing to do. What is to be tried later is remembered under its name. */
interface Job {
  readonly name: string;
  readonly work: () => Promise<Outcome>;
}

interface Wait {
  readonly tries: number;
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

const TAKEN_BACK = "segment-taken-back";
const UNREACHABLE = "unreachable";
const CLOSED = "recording-closed";
/** Answers that say of a segment that it is never taken, whatever happens. For all others there is another time. */
const NEVER_TAKEN: readonly number[] = [410, 413, 415, 422];
const SEQUENCE_TAKEN = "sequence-taken";
/** After so many receipts for other bytes than ours the segment is put aside. */
const WRONG_RECEIPTS = 5;
/** Nothing that an attempt could change: somebody has to do something first. */
const REFUSED_WAIT_MS = 5 * 60_000;
/** So many new tokens in a row of which none is taken. */
const MOST_RENEWALS = 3;

const discardOf = (writer: string): string => `${writer} discard`;
const renewalOf = (writer: string): string => `${writer} renewal`;

/** A run that was cut off: the next one goes on in its recording, and needs what is known of it. */
export const mayGoOn = ({ ended, startedAtMs }: Run): boolean =>
  ended === null && Date.now() - startedAtMs < 2 * 24 * 60 * 60_000;

/** A run that is over, while what was sent of it can still be thrown away with its own token. */
export const mayTakeBack = ({ takeBackUntilMs }: Run): boolean =>
  typeof takeBackUntilMs === "number" && Date.now() < takeBackUntilMs;

const isTold = ({ takeBackUntilMs }: Run): boolean => typeof takeBackUntilMs === "number";

/** The server is through with it: whoever began it again would begin another recording. */
const isThrough = (run: Run): boolean => isTold(run) || run.isClosed === true;

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class Uploader {
  readonly #spool: Spool;
  readonly #receiver: (server: string) => Receiver;
  /** The token of the enrolment that began this run; `null` where it is not the one there is now. */
  readonly #recorderToken: (run: Run) => string | null;
  readonly #events: UploaderEvents;
  /** The run that is being recorded: it goes first, and its end is not told. */
  #current: string | null = null;
  /** What one run waits for keeps no other waiting. */
  readonly #waits = new Map<string, Wait>();
  readonly #renewals = new Map<string, number>();
  /** Runs whose token was refused elsewhere. */
  readonly #stale = new Set<string>();
  #wrongReceipts = 0;
  #working: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #again = false;
  #tasks: (() => Promise<void>)[] = [];

  constructor(
    spool: Spool,
    receiver: (server: string) => Receiver,
    recorderToken: (run: Run) => string | null,
    events: UploaderEvents,
  ) {
    this.#spool = spool;
    this.#receiver = receiver;
    this.#recorderToken = recorderToken;
    this.#events = events;
  }

  /** Of what is being recorded, or else what is tried again first. */
  get trouble(): Trouble | null {
    const waits = [...this.#waits].sort(
      ([a, one], [b, other]) =>
        Number(b === this.#current) - Number(a === this.#current) || one.untilMs - other.untilMs,
    );
    const [, first] = waits[0] ?? [];
    return first ? { reason: first.reason, nextTryAtMs: first.untilMs } : null;
  }

  set current(writer: string | null) {
    this.#current = writer;
  }

  /** There may be something to send. Resolves when nothing is left. */
  nudge(): Promise<void> {
    this.#again = true;
    this.#wake?.();
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  /** There is a reason to try now what was to be tried later. */
  hurry(): void {
    for (const [name, wait] of this.#waits) this.#waits.set(name, { ...wait, untilMs: 0 });
    this.#wake?.();
  }

  /** The server does not take the token of this run any more. */
  refresh(writer: string): void {
    this.#stale.add(writer);
    void this.nudge();
  }

  /** Does something while no segment is on its way. */
  async between(work: () => Promise<void>): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#tasks.push(() => work().then(resolve, reject));
    });
    void this.nudge();
    await done;
  }

  async #work(): Promise<void> {
    // Looked at anew after each segment: what is being recorded comes before what was left behind.
    for (;;) {
      for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) await task();
      this.#again = false;
      const next = await this.#next();
      if (next && "name" in next) await this.#perform(next);
      else if (this.#again || this.#tasks.length > 0) continue;
      else if (next === null) return;
      else await this.#sleep(next.untilMs);
    }
  }

  /** A disk that refuses is no reason to stop: it is asked again like a server that does. */
  async #perform({ name, work }: Job): Promise<void> {
    let outcome: Outcome;
    try {
      outcome = await work();
    } catch {
      outcome = this.#later(name, "disk", null);
    }
    if (outcome === "done") {
      this.#waits.delete(name);
      this.#reached();
    }
    this.#events.changed();
  }

  /** The server answers again: what waited for that waits no longer. */
  #reached(): void {
    for (const [name, wait] of this.#waits)
      if (wait.reason === UNREACHABLE) this.#waits.set(name, { ...wait, untilMs: 0 });
  }

  /** What is to be done now, or until when there is nothing, or `null` where nothing is left. */
  async #next(): Promise<Job | { readonly untilMs: number } | null> {
    const now = Date.now();
    let untilMs = Number.POSITIVE_INFINITY;
    for (const job of await this.#jobs(now)) {
      const wait = this.#waits.get(job.name);
      // A clock that was set back does not make it longer.
      if (!wait || wait.untilMs <= now || now < wait.sinceMs) return job;
      untilMs = Math.min(untilMs, wait.untilMs);
    }
    return untilMs === Number.POSITIVE_INFINITY ? null : { untilMs };
  }

  /** The first thing to do for each run, and before it what was taken back in any. */
  async #jobs(now: number): Promise<Job[]> {
    const runs = [...(await this.#spool.runs())].sort(
      (a, b) => Number(b.writer === this.#current) - Number(a.writer === this.#current),
    );
    const jobs: Job[] = [];
    for (const run of runs) {
      const [discard] = run.discarded;
      if (discard) jobs.push({ name: discardOf(run.writer), work: () => this.#tellDiscard(run, discard) });
    }
    for (const run of runs) {
      const isDue = run.writer === this.#current && (run.renewAtMs ?? now) < now;
      if (isDue || this.#stale.has(run.writer)) {
        const name = renewalOf(run.writer);
        jobs.push({ name, work: () => this.#renew(run, name) });
      }
      const [segment] = await this.#spool.waiting(run.writer);
      if (segment) jobs.push({ name: run.writer, work: () => this.#send(run, segment) });
      else if (this.#isOver(run)) jobs.push({ name: run.writer, work: () => this.#finish(run) });
    }
    return jobs;
  }

  /** Nothing is left to be sent or told but its end. Its token is renewed before that: afterwards it cannot be. */
  #isOver(run: Run): boolean {
    const isOpen = run.writer === this.#current || this.#stale.has(run.writer);
    return !isOpen && run.discarded.length === 0 && !mayGoOn(run) && !mayTakeBack(run);
  }

  async #send(run: Run, segment: Waiting): Promise<Outcome> {
    const body = await this.#spool.read(run.writer, segment);
    if (!body) {
      await this.#spool.remove(run.writer, segment);
      this.#events.missing(segment);
      return "done";
    }
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
    if (!NEVER_TAKEN.includes(answer.status) && answer.slug !== SEQUENCE_TAKEN)
      return this.#refused(run, run.writer, answer);
    await this.#spool.quarantine(run, segment, answer.slug || `status-${answer.status}`);
    return "done";
  }

  async #receipted(run: Run, segment: Waiting, answer: Answer, expected: string): Promise<Outcome> {
    this.#renewals.delete(run.writer);
    if (readReceipt(answer, segment.sequence) === expected) {
      this.#wrongReceipts = 0;
      await this.#spool.remove(run.writer, segment);
      const { policy_version: version } = answer.body;
      this.#events.acknowledged(run, segment, typeof version === "number" ? version : 0);
      return "done";
    }
    this.#wrongReceipts += 1;
    if (this.#wrongReceipts < WRONG_RECEIPTS) return this.#later(run.writer, "receipt-differs", answer);
    this.#wrongReceipts = 0;
    await this.#spool.quarantine(run, segment, "receipt-differs");
    return "done";
  }

  /** What an answer other than yes means, where another time may bring another one. */
  #refused(run: Run, name: string, answer: Answer): Promise<Outcome> | Outcome {
    if (answer.status === 401) return this.#renew(run, name);
    if (isPassing(answer)) return this.#later(name, answer.slug || UNREACHABLE, answer);
    return this.#later(name, answer.slug || `status-${answer.status}`, answer, REFUSED_WAIT_MS);
  }

  /** The token ran out, or will soon: the same run asks for another. */
  async #renew(run: Run, name: string): Promise<Outcome> {
    if (isThrough(run)) return this.#closed(run, name, null);
    const token = this.#recorderToken(run);
    if (token === null) return this.#later(name, "not-joined", null, REFUSED_WAIT_MS);
    const renewals = this.#renewals.get(run.writer) ?? 0;
    this.#renewals.set(run.writer, renewals + 1);
    // Tokens that are no good the moment they come are not asked for in one go.
    if (renewals > 0 && renewals % MOST_RENEWALS === 0)
      return this.#later(name, "token-refused", null, REFUSED_WAIT_MS);
    const { writer, surface, notice } = run;
    const wish = { writer, resume: run.token, surface, notice, audio: run.tracks.audio !== null };
    const answer = await this.#receiver(run.server).start(token, wish);
    // Nobody refused anything where nobody answered.
    if (isPassing(answer)) {
      this.#renewals.set(run.writer, renewals);
      return this.#later(name, answer.slug || UNREACHABLE, answer);
    }
    if (answer.status === 401) {
      this.#events.ended();
      return this.#later(name, "not-joined", answer, REFUSED_WAIT_MS);
    }
    const leave = answer.status === 201 ? readLeave(answer.body) : null;
    const isSame = leave?.recording === run.recording && leave.tracks.video?.id === run.tracks.video;
    if (leave && isSame) {
      const renewed = { token: leave.token, renewAtMs: renewAtMs(leave, Date.now()) };
      await this.#spool.changeRun(run.writer, () => renewed);
      this.#stale.delete(run.writer);
      if (name === renewalOf(run.writer)) this.#renewals.delete(run.writer);
      return "done";
    }
    if (answer.status === 201 || answer.status === 410) return this.#closed(run, name, answer);
    // Of a run that is over the token there is has to do.
    if (name === renewalOf(run.writer) && run.ended !== null) {
      this.#stale.delete(run.writer);
      return "done";
    }
    return this.#later(name, answer.slug || "refused", answer, REFUSED_WAIT_MS);
  }

  /** Nothing is taken for this run any more. What was thrown away in it still has to be told. */
  async #closed(run: Run, name: string, answer: Answer | null): Promise<Outcome> {
    for (const segment of [...(await this.#spool.waiting(run.writer))])
      await this.#spool.quarantine(run, segment, CLOSED);
    await this.#spool.changeRun(run.writer, () => ({ ended: "continued", renewAtMs: null, isClosed: true }));
    this.#stale.delete(run.writer);
    return name === discardOf(run.writer) ? this.#later(name, CLOSED, answer, REFUSED_WAIT_MS) : "done";
  }

  /** It is over only when the server says that it has heard: no answer else makes it forgotten. */
  async #tellDiscard(run: Run, times: Times): Promise<Outcome> {
    if (!times.isTakenHere) await this.#events.takeBack(run, times);
    const answer = await this.#receiver(run.server).discard(run.token, times.fromMs, times.toMs);
    if (answer.status !== 202) return this.#refused(run, discardOf(run.writer), answer);
    this.#renewals.delete(run.writer);
    await this.#spool.changeRun(run.writer, ({ discarded }) => ({
      discarded: discarded.filter(({ fromMs, toMs }) => fromMs !== times.fromMs || toMs !== times.toMs),
    }));
    return "done";
  }

  /** Nothing is left of a run that is over, but for the minutes in which its person may take times back. */
  async #finish(run: Run): Promise<Outcome> {
    if (!isTold(run) && (run.ended === "stopped" || run.ended === "shutdown")) {
      const answer = await this.#receiver(run.server).end(run.token, run.ended);
      if (isPassing(answer)) return this.#later(run.writer, answer.slug || UNREACHABLE, answer);
      const renewals = this.#renewals.get(run.writer) ?? 0;
      // Where it may not be told any more, the server ends it by itself when nothing came for a day.
      if (answer.status === 401 && this.#recorderToken(run) !== null && renewals < MOST_RENEWALS)
        return this.#renew(run, run.writer);
      if (answer.status === 204 && run.renewAtMs !== null && run.renewAtMs > Date.now()) {
        await this.#spool.changeRun(run.writer, () => ({ takeBackUntilMs: run.renewAtMs }));
        return "done";
      }
    }
    await this.#spool.forgetRun(run.writer);
    for (const known of [this.#renewals, this.#stale, this.#waits]) known.delete(run.writer);
    return "done";
  }

  #later(name: string, reason: string, answer: Answer | null, least = 0): Outcome {
    const tries = (this.#waits.get(name)?.tries ?? 0) + 1;
    const none = { status: 0, slug: "", body: {}, retryAfterMs: null };
    const wait = Math.max(least, backoffMs(tries, answer ?? none));
    const now = Date.now();
    this.#waits.set(name, { tries, reason, sinceMs: now, untilMs: now + wait });
    return "later";
  }

  #sleep(untilMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#wake = null;
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, untilMs - Date.now()));
      this.#wake = end;
    });
  }
}
