/**
 * The life of capture on one page: from the policy over recording and sending to the end.
 *
 * Fails closed. Without a policy that is verified and not expired nothing is read; when one stops being so,
 * recording stops at once and what was gathered is dropped.
 */
import type { GapReason, RecordedEvent } from "./engine/events";
import type { Counts } from "./engine/filter";
import { Recorder } from "./engine/recorder";
import { MASK } from "./policy/attributes";
import type { Policy } from "./policy/document";
import { type PolicyRefusal, verifyPolicy } from "./policy/envelope";
import { Judge } from "./policy/judge";
import { captures, pathOf } from "./policy/urls";
import type { Boot, State, StopOptions } from "./state";
import { Api, readVisit, type Visit } from "./transport/api";
import { type Answer, backoffMs, isPassing } from "./transport/ask";
import { Outbox } from "./transport/outbox";
import { resendOthers, takeOwn } from "./transport/resend";
import { Spool, type Spooled } from "./transport/spool";
import { Visits } from "./transport/visits";
import { Writer } from "./transport/writer";

const POLICY_REFRESH_MS = 60_000;
const TICK_MS = 250;
const FLUSH_WAIT_MS = 10_000;
const MAX_SETBACKS = 6;
const LONG_AGO = Number.NEGATIVE_INFINITY;

/** One moment by three clocks, in milliseconds. */
interface Moment {
  readonly server: number;
  readonly wall: number;
  readonly steady: number;
}

export class Capture {
  readonly #boot: Boot;
  readonly #show: (state: State) => void;
  readonly #api: Api;
  readonly #spool: Spool;
  readonly #visits: Visits;
  #writer: Writer | null = null;
  #outbox: Outbox | null = null;
  #recorder: Recorder | null = null;
  #judge: Judge | null = null;
  #policy: Policy | null = null;
  #visit: Visit | null = null;
  #attached: Visit | null = null;
  #before: readonly Spooled[] = [];
  #startedAt: Moment = { server: 0, wall: 0, steady: 0 };
  /** The number of the run that is on, or 0. Whatever was begun in another one comes to nothing. */
  #running = 0;
  #runs = 0;
  #pauses = new Map<GapReason, number>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #flushedAt = 0;
  #refreshedAt = LONG_AGO;
  #lastEvent = 0;
  #href = "";
  #page = "";
  #excluded = 0;
  /** The run that asks for a visit now, or 0. */
  #starting = 0;
  /** Answers in a row that led nowhere: a server that refuses everything is not asked for ever. */
  #setbacks = 0;
  #firstSent = false;

  constructor(boot: Boot, show: (state: State) => void) {
    this.#boot = boot;
    this.#show = show;
    this.#api = new Api(boot.host, boot.site);
    const owner = `${boot.host} ${boot.site}`;
    this.#spool = new Spool(owner);
    this.#visits = new Visits(boot.site, () => this.#guard(() => this.stop({}, false)));
  }

  start(): void {
    if (this.#running !== 0) return;
    this.#running = this.#nextRun();
    this.#visits.allow();
    this.#show({ phase: "starting", reason: null });
    this.#setbacks = 0;
    this.#lastEvent = 0;
    this.#excluded = 0;
    this.#firstSent = false;
    this.#writer ??= new Writer(this.#boot.site);
    addEventListener("pagehide", this.#onLeave);
    addEventListener("pageshow", this.#onReturn);
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#timer = setInterval(() => this.#guard(() => this.#tick()), TICK_MS);
    void this.#begin();
  }

  /** Whether the visitor stopped capture on an earlier page. */
  get isForbidden(): boolean {
    return this.#visits.isForbidden;
  }

  /**
   * Ends capture. What was not sent is thrown away, unless asked otherwise; nothing leaves afterwards but the
   * word that it ended.
   */
  stop(options: StopOptions, remember = true): void {
    if (remember) this.#visits.forbid();
    const token = this.#visit?.token;
    const wasRunning = this.#running !== 0;
    const outbox = this.#letGo();
    this.#halt();
    this.#show({ phase: "stopped", reason: "stopped" });
    if (options.flush) outbox?.flush();
    else outbox?.detach();
    void (async () => {
      if (options.flush) await outbox?.drained(FLUSH_WAIT_MS);
      outbox?.detach();
      // Capture may have been started again meanwhile: that recording is not this one's to throw away.
      await this.#spool.clear(() => this.#visit?.recording).catch(() => {});
      if (token && wasRunning) await this.#api.end(token, "stopped");
    })();
  }

  /** The outbox of the run that ends: what it still hears is nobody's concern any more. */
  #letGo(): Outbox | null {
    const outbox = this.#outbox;
    this.#outbox = null;
    this.#visit = null;
    return outbox;
  }

  #nextRun(): number {
    this.#runs += 1;
    return this.#runs;
  }

  /** Throws away what was not sent and goes on. */
  discard(): void {
    if (!this.#running) return;
    const now = Date.now();
    this.#outbox?.discard();
    void this.#spool.clear().catch(() => {});
    this.#tell("clerestory.gap", { reason: "paused", from: now, to: now });
    this.#recorder?.keyframe();
  }

  #halt(): void {
    this.#running = 0;
    this.#recorder?.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#pauses.clear();
    removeEventListener("pagehide", this.#onLeave);
    removeEventListener("pageshow", this.#onReturn);
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#writer?.release();
  }

  #end(phase: "refused" | "failed", reason: string): void {
    this.#letGo()?.detach();
    this.#halt();
    this.#show({ phase, reason });
  }

  /** Something of ours broke. What was captured before it is sent, and that it ends here. */
  #broke(): void {
    try {
      const now = Date.now();
      this.#recorder?.stop();
      this.#tell("clerestory.gap", { reason: "missing", from: now, to: now });
      const outbox = this.#outbox;
      outbox?.flush();
      this.#outbox = null;
      void outbox?.drained(FLUSH_WAIT_MS).then(() => outbox.detach());
    } catch {
      // A page that broke what telling needs: what is not sent by now is lost.
    }
    this.#end("failed", "recorder-error");
  }

  #guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      this.#broke();
      return undefined;
    }
  }

  // The visit

  async #begin(): Promise<void> {
    const run = this.#running;
    if (run === 0 || this.#starting === run) return;
    this.#starting = run;
    try {
      await this.#writer?.acquire();
      for (let tries = 1; run === this.#running && run !== 0; tries += 1) {
        const answer = await this.#visits.alone(() => this.#ask(run));
        if (run !== this.#running) return;
        const visit = answer.status === 201 || answer.status === 200 ? readVisit(answer.body) : null;
        // Success that grants nothing was not said by this server.
        if (isPassing(answer) || (!visit && answer.slug === "")) {
          // An origin that is not listed for the site looks the same: the browser hides the answer.
          this.#show({ phase: "starting", reason: answer.slug || "server-unreachable" });
          await new Promise((resolve) => setTimeout(resolve, backoffMs(tries, answer)));
          continue;
        }
        if (!visit) return this.#end("refused", answer.slug);
        return await this.#enter(visit);
      }
    } catch {
      if (run === this.#running) this.#end("failed", "start-failed");
    } finally {
      if (run === this.#starting) this.#starting = 0;
      if (this.#running === 0) this.#writer?.release();
    }
  }

  async #ask(run: number): Promise<Answer> {
    const answer = await this.#api.start(this.#writer?.id ?? "", this.#visits.token);
    if (run === this.#running && typeof answer.body.token === "string") this.#visits.keep(answer.body.token);
    return answer;
  }

  async #enter(visit: Visit): Promise<void> {
    const run = this.#running;
    this.#startedAt = { server: visit.serverTimeMs, wall: Date.now(), steady: performance.now() };
    const writer = this.#writer;
    if (!writer) return;
    writer.attach(visit.recording, visit.nextSequence);
    const before = await takeOwn(this.#spool, writer.id, visit);
    const verified = await verifyPolicy(visit.policy, this.#context());
    if (run !== this.#running) return;
    this.#before = before;
    this.#visit = visit;
    this.#outbox ??= this.#newOutbox(writer);
    if ("refused" in verified) return this.#distrust(verified.refused);
    this.#trust(verified.policy);
  }

  #newOutbox(writer: Writer): Outbox {
    const ours = (work: () => void): void => {
      if (this.#outbox === outbox) this.#guard(work);
    };
    const outbox: Outbox = new Outbox(this.#api, this.#spool, writer, {
      policyVersion: () => this.#policy?.version ?? 0,
      acknowledged: (version) =>
        ours(() => {
          this.#setbacks = 0;
          if (version !== this.#policy?.version) this.#refreshedAt = LONG_AGO;
        }),
      lost: (reason, from, to) => ours(() => this.#lost(reason, from, to)),
      renew: (why) => ours(() => this.#renew(why)),
      policyOutdated: (from, to) =>
        ours(() => {
          this.#refreshedAt = LONG_AGO;
          this.#lost("policy_stale", from, to);
        }),
      refused: (reason) => ours(() => this.#end("refused", reason)),
    });
    return outbox;
  }

  /** Nothing is sent, not even what earlier pages left, before a policy was verified. */
  #attach(visit: Visit): void {
    if (this.#attached === visit || !this.#outbox || !this.#writer) return;
    this.#attached = visit;
    this.#outbox.attach(visit, this.#before);
    this.#before = [];
    void resendOthers(this.#spool, this.#api, this.#writer.id, visit).catch(() => {});
  }

  /** Another token for the same recording, or another recording. */
  #renew(why: "token-expired" | "recording-closed"): void {
    if (why === "recording-closed") {
      this.#recorder?.stop();
      this.#outbox?.detach();
      this.#firstSent = false;
    }
    this.#visit = null;
    this.#afterSetback("visit-refused", () => void this.#begin());
  }

  #afterSetback(reason: string, work: () => void): void {
    const run = this.#running;
    this.#setbacks += 1;
    if (this.#setbacks > MAX_SETBACKS) {
      this.#end("failed", reason);
      return;
    }
    // A token that ran out is the ordinary case and renewed at once.
    const wait = reason === "visit-refused" && this.#setbacks === 1 ? 0 : 500 * 2 ** this.#setbacks;
    setTimeout(() => {
      if (run !== 0 && run === this.#running) this.#guard(work);
    }, wait);
  }

  // The policy

  #context(): { pinnedKey: string; now: number; before: Policy | null } {
    return { pinnedKey: this.#boot.key, now: this.#now(), before: this.#policy };
  }

  /**
   * By the server's clock, milliseconds since 1970. One clock of a device may be set back, the other stands still
   * while the device sleeps: the one that went further counts.
   */
  #now(): number {
    const { server, wall, steady } = this.#startedAt;
    return server + Math.max(Date.now() - wall, performance.now() - steady);
  }

  #trust(policy: Policy): void {
    const changed = this.#policy?.version !== policy.version;
    this.#policy = policy;
    this.#refreshedAt = performance.now();
    if (!this.#judge) this.#judge = new Judge(policy.rules);
    else if (changed) this.#judge.use(policy.rules);
    if (changed) this.#recorder?.rulesChanged();
    if (this.#visit) this.#attach(this.#visit);
    this.#resume("policy_stale");
    this.#navigated();
    this.#run();
  }

  #distrust(refusal: PolicyRefusal): void {
    this.#outbox?.dropPending();
    this.#pause("policy_stale", refusal);
  }

  async #refresh(): Promise<void> {
    const run = this.#running;
    this.#refreshedAt = performance.now();
    const answer = await this.#api.policy();
    if (run !== this.#running || run === 0 || answer.status !== 200) return;
    const verified = await verifyPolicy(answer.body, this.#context());
    if (run !== this.#running) return;
    if ("policy" in verified) this.#trust(verified.policy);
    else this.#distrust(verified.refused);
  }

  // Recording and pausing

  #pause(reason: GapReason, shown: string): void {
    if (!this.#pauses.has(reason)) this.#pauses.set(reason, Date.now());
    this.#recorder?.stop();
    this.#show({ phase: "paused", reason: shown });
  }

  #resume(reason: GapReason): void {
    const from = this.#pauses.get(reason);
    this.#pauses.delete(reason);
    if (from === undefined) return;
    this.#run();
    this.#tell("clerestory.gap", { reason, from, to: Date.now() });
  }

  #run(): void {
    const { running } = this.#recorder ?? { running: false };
    if (running || this.#pauses.size > 0 || !this.#judge || !this.#visit || !this.#running) return;
    const pace = { keyframeMs: this.#visit.limits.keyframeMs };
    this.#recorder ??= new Recorder(
      this.#judge,
      {
        take: (event, json) => this.#take(event, json),
        keyframe: (counts) => this.#keyframe(counts),
        failed: () => this.#broke(),
      },
      pace,
    );
    this.#page = "";
    this.#show({ phase: "capturing", reason: null });
    this.#recorder.start();
  }

  #take(event: RecordedEvent, json: string): void {
    if (this.#isStale() || this.#isElsewhere()) return;
    const silence = this.#visit?.limits.silenceMs ?? Number.POSITIVE_INFINITY;
    const quiet = this.#lastEvent > 0 && event.timestamp - this.#lastEvent > silence;
    this.#lastEvent = Math.max(this.#lastEvent, event.timestamp);
    if (quiet) {
      this.#renew("recording-closed");
      return;
    }
    this.#outbox?.take(json, event.timestamp);
    if (this.#outbox?.isDue && !this.#recorder?.reading) this.#flush();
  }

  #isStale(): boolean {
    const policy = this.#policy;
    if (policy && policy.expiresAt > this.#now()) return false;
    this.#distrust("policy-expired");
    return true;
  }

  /** The address changed since the last event: the rules for it count before the event does. */
  #isElsewhere(): boolean {
    if (location.href === this.#href) return false;
    this.#navigated();
    return this.#pauses.has("url_denied");
  }

  #navigated(): void {
    this.#href = location.href;
    if (!this.#judge) return;
    if (captures(this.#judge.rules.urls, pathOf(this.#href))) {
      this.#resume("url_denied");
    } else if (!this.#pauses.has("url_denied")) {
      this.#pause("url_denied", "url-denied");
      this.#flush();
    }
  }

  #keyframe({ excluded }: Counts): void {
    if (excluded !== this.#excluded) {
      this.#excluded = excluded;
      this.#tell("clerestory.excluded", { count: excluded });
    }
    this.#pageChanged();
    if (!this.#firstSent) this.#flush();
    this.#firstSent = true;
  }

  #pageChanged(): void {
    const title = document.querySelector("title");
    const shown = title && this.#judge?.decide(title) === "show";
    const page = {
      url: location.origin + location.pathname,
      title: shown ? document.title : document.title ? MASK : "",
    };
    const key = JSON.stringify(page);
    if (key === this.#page) return;
    this.#page = key;
    this.#tell("clerestory.page", page);
  }

  #tell(tag: "clerestory.page" | "clerestory.excluded" | "clerestory.gap", payload: unknown): void {
    const event = { type: 5, data: { tag, payload }, timestamp: Date.now() };
    this.#outbox?.take(JSON.stringify(event), event.timestamp);
  }

  #lost(reason: GapReason, from: number, to: number): void {
    this.#tell("clerestory.gap", { reason, from, to });
    // Oldest segments that found no room leave a recording that later keyframes make whole by themselves.
    if (reason === "quota") return;
    this.#afterSetback("segments-refused", () => this.#recorder?.keyframe());
  }

  // Time

  #flush(): void {
    this.#flushedAt = performance.now();
    this.#outbox?.flush();
  }

  #tick(): void {
    const visit = this.#visit;
    if (!visit) return;
    this.#judge?.forget();
    if (location.href !== this.#href) this.#navigated();
    if (this.#policy && !this.#pauses.has("policy_stale")) this.#isStale();
    const now = performance.now();
    if (now - this.#refreshedAt >= POLICY_REFRESH_MS) void this.#refresh().catch(() => {});
    if (this.#recorder?.running && !this.#recorder.reading) this.#pageChanged();
    if (now - this.#flushedAt >= visit.limits.flushMs && !this.#recorder?.reading) this.#flush();
  }

  readonly #onVisibility = (): void => {
    this.#guard(() => {
      if (document.visibilityState === "hidden" && !this.#recorder?.reading) this.#flush();
    });
  };

  readonly #onLeave = (): void => {
    this.#guard(() => {
      // A pause that lasts is told before the page goes; nobody else could tell it.
      for (const [reason, from] of this.#policy ? this.#pauses : []) {
        this.#tell("clerestory.gap", { reason, from, to: Date.now() });
        this.#pauses.set(reason, Date.now());
      }
      this.#outbox?.leave();
      this.#writer?.release();
    });
  };

  /** Back from the browser's cache: another page of this tab may have written meanwhile. */
  readonly #onReturn = (event: PageTransitionEvent): void => {
    if (!event.persisted) return;
    this.#guard(() => {
      this.#recorder?.stop();
      this.#letGo()?.detach();
      this.#running = this.#nextRun();
      this.#writer = new Writer(this.#boot.site);
      void this.#begin();
    });
  };
}
