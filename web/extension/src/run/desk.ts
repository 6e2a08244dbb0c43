/** The offscreen document's one object: the recorder that runs, what waits to be sent, and what the person is told. */
import { type Answer, isPassing } from "@clerestory/capture/src/transport/ask";
import { recordingClock } from "../media/clock";
import type { Answered, Badge, Begin, Leaving, Left, SeenTab, Status } from "../messages";
import { mayGoOn, mayTakeBack, Uploader } from "../send/uploader";
import {
  type Enrolment,
  type Leave,
  readLeave,
  readWatching,
  renewAtMs,
  Server,
  type Watcher,
} from "../server/server";
import type { Kind } from "../spool/names";
import type { Run, Spool, Times, Waiting } from "../spool/spool";
import { PolicyKeeper } from "./keeper";
import { Recorder } from "./recorder";
import { Shelf } from "./shelf";
import { Slices } from "./slices";
import { openSources, SourceError, type Sources } from "./sources";
import { takeBack } from "./take-back";

export interface DeskEvents {
  look(only: number | null, heard: boolean): Promise<readonly SeenTab[]>;
  /** Shown on the badge. */
  badge(badge: Badge): void;
  /** A policy of this version is in force: no older one is ever again. */
  believed(version: number): void;
  /** The server does not know this browser any more. */
  enrolmentEnded(): void;
  /** Nothing is recorded and nothing waits: the document may be closed. */
  nothingLeft(last: Status): void;
}

const WATCHING_MS = 5000;
/** After so long without an answer nobody knows who watches. */
const WATCHING_KNOWN_MS = 15_000;
const POLICY_MS = 10 * 60_000;
/** What can be sent at all is sent by then, before somebody is asked whether it may be deleted. */
const LEAVING_MS = 10_000;

/** Whether this enrolment began the run, at this server: no other speaks for it, nor is it given another's token. */
const isOf = (run: Run, enrolment: Enrolment | null): enrolment is Enrolment =>
  run.server === enrolment?.server && run.recorder === enrolment.recorder;

interface Running {
  readonly recorder: Recorder;
  readonly keeper: PolicyKeeper;
  readonly run: Run;
  readonly sources: Sources;
  readonly only: number | null;
  readonly timers: readonly ReturnType<typeof setInterval>[];
}

export class Desk {
  readonly #spool: Spool;
  readonly #events: DeskEvents;
  readonly #uploader: Uploader;
  #enrolment: Enrolment | null = null;
  #running: Running | null = null;
  #phase: Status["phase"] = "idle";
  #ended: string | null = null;
  #watchers: readonly Watcher[] = [];
  #watchedAtMs = 0;
  /** What was captured and is gone, since this recorder began. */
  #lost: Status["lost"] = null;
  readonly #slices = new Slices();
  #safe = { segments: 0, bytes: 0, upToMs: null as number | null };

  constructor(spool: Spool, events: DeskEvents) {
    this.#spool = spool;
    this.#events = events;
    this.#uploader = new Uploader(
      spool,
      (server) => new Server(server),
      (run) => (isOf(run, this.#enrolment) ? this.#enrolment.token : null),
      {
        acknowledged: (run, segment, version) => {
          const upToMs = Math.max(this.#safe.upToMs ?? 0, segment.toMs);
          this.#safe = { segments: this.#safe.segments + 1, bytes: this.#safe.bytes + segment.size, upToMs };
          if (run.writer === this.#running?.run.writer) this.#policyVersion(version);
        },
        missing: (segment) => this.#lose(segment, "missing"),
        takeBack: (run, times) => takeBack(spool, run, times),
        changed: () => {},
        ended: () => void this.#forgotten(),
      },
    );
  }

  // -------------------------------------------------------------------- beginning

  async begin(begin: Begin): Promise<Answered<null>> {
    if (this.#phase !== "idle") return { refused: "already-recording" };
    this.#enrolment = begin.enrolment;
    this.#phase = "starting";
    this.#ended = null;
    this.#lost = null;
    recordingClock.begin();
    this.#shown();
    let sources: Sources | null = null;
    try {
      const { surface, streamId, microphone, framesPerSecond } = begin;
      const keeper = await this.#policy(begin);
      if ("refused" in keeper) return this.#notBegun(keeper.refused, null);
      const audio = keeper.ok.policy?.audio === true;
      sources = await openSources({ surface, streamId, audio, microphone, framesPerSecond });
      return await this.#start(begin, keeper.ok, sources);
    } catch (error) {
      const why =
        error instanceof SourceError
          ? error.message
          : error instanceof DOMException
            ? error.name
            : String(error);
      return this.#notBegun(why, sources);
    }
  }

  /** What may be recorded has to be known before the person is asked to pick anything. */
  async #policy({ enrolment, surface, notice, policyFloor }: Begin): Promise<Answered<PolicyKeeper>> {
    const server = new Server(enrolment.server);
    const fetch = () => server.policy(enrolment.token);
    const answer = await fetch();
    if (answer.status !== 200) return { refused: this.#why(answer) };
    const clock = { serverMs: Date.now(), deviceMs: Date.now(), steadyMs: performance.now() };
    const keeper = new PolicyKeeper(enrolment, clock, policyFloor, fetch);
    await keeper.accept(answer.body);
    const against = keeper.against(surface, notice);
    return against === null ? { ok: keeper } : { refused: against };
  }

  async #start(begin: Begin, first: PolicyKeeper, sources: Sources): Promise<Answered<null>> {
    const { enrolment, surface, notice, tab } = begin;
    const server = new Server(enrolment.server);
    const before = (await this.#spool.runs()).filter((run) => isOf(run, enrolment) && mayGoOn(run)).at(-1);
    const writer = crypto.randomUUID();
    const audio = sources.sounds.length > 0;
    const wish = { writer, resume: before?.token ?? null, surface, audio, notice };
    let answer = await server.start(enrolment.token, wish);
    // What cannot be gone on with is no reason not to begin.
    if (before && answer.status !== 201 && !isPassing(answer) && answer.status !== 401)
      answer = await server.start(enrolment.token, { ...wish, resume: null });
    const leave = answer.status === 201 ? readLeave(answer.body) : null;
    if (!leave) return this.#notBegun(this.#why(answer), sources);
    const clock = { serverMs: leave.serverTimeMs, deviceMs: Date.now(), steadyMs: performance.now() };
    const floor = Math.max(begin.policyFloor, first.policy?.version ?? 0);
    const fetch = () => server.policy(enrolment.token);
    const keeper = new PolicyKeeper(enrolment, clock, floor, fetch);
    await keeper.accept(leave.policy);
    const against = keeper.against(surface, notice);
    if (against !== null) return this.#notBegun(against, sources);
    this.#events.believed(keeper.policy?.version ?? 0);
    const run = this.#newRun(begin, leave, writer);
    await this.#spool.beginRun(run);
    if (before) await this.#spool.changeRun(before.writer, () => ({ ended: "continued" }));
    this.#run(run, leave, keeper, sources, surface === "tab" ? tab : null);
    return { ok: null };
  }

  #newRun({ enrolment, surface, notice }: Begin, leave: Leave, writer: string): Run {
    const id = (kind: Kind) => leave.tracks[kind]?.id ?? null;
    return {
      writer,
      server: enrolment.server,
      recorder: enrolment.recorder,
      token: leave.token,
      renewAtMs: renewAtMs(leave, Date.now()),
      recording: leave.recording,
      tracks: { video: id("video"), audio: id("audio"), actions: id("actions") },
      spoolKeyId: leave.spoolKeyId,
      spoolKey: leave.spoolKey,
      surface,
      notice,
      startedAtMs: Date.now(),
      ended: null,
      discarded: [],
    };
  }

  #run(run: Run, leave: Leave, keeper: PolicyKeeper, sources: Sources, only: number | null): void {
    const next = (kind: Kind) => leave.tracks[kind]?.nextSequence ?? 0;
    const shelf = new Shelf(
      this.#spool,
      run,
      { video: next("video"), audio: next("audio"), actions: next("actions") },
      () => keeper.policy?.version ?? 0,
      {
        kept: ({ kind, fromMs, toMs }, bytes, gaps) => {
          for (const gap of gaps) this.#slices.gap(gap.from_ms, gap.to_ms);
          if (kind === "video" && bytes > 0)
            this.#slices.captured(Math.max(fromMs, ...gaps.map(({ to_ms }) => to_ms)), toMs, bytes);
          void this.#uploader.nudge();
        },
        lost: (kind, fromMs, toMs) => {
          this.#lose({ fromMs, toMs }, "disk");
          recorder.notKept(kind, fromMs, toMs);
        },
      },
    );
    const { segmentMs, segmentBytes } = leave;
    const recorder = new Recorder(
      { run, sources, keeper, shelf, segmentMs, segmentBytes, only },
      {
        look: (heard) => this.#events.look(only, heard),
        changed: () => this.#shown(),
        needsPolicy: () => void this.#refreshPolicy(),
        ended: (reason, why) => void this.#over(run, reason, why),
      },
    );
    const timers = [
      setInterval(() => void this.#askWatching(), WATCHING_MS),
      setInterval(() => void this.#refreshPolicy(), POLICY_MS),
    ];
    this.#running = { recorder, keeper, run, sources, only, timers };
    this.#watchedAtMs = recordingClock.now();
    this.#uploader.current = run.writer;
    this.#phase = "recording";
    this.#shown();
  }

  #notBegun(why: string, sources: Sources | null): Answered<null> {
    sources?.picture.stop();
    for (const { stream } of sources?.sounds ?? []) for (const track of stream.getTracks()) track.stop();
    this.#phase = "idle";
    this.#ended = why;
    this.#shown();
    return { refused: why };
  }

  #why(answer: Answer): string {
    if (answer.status === 401) void this.#forgotten();
    return answer.slug || (isPassing(answer) ? "unreachable" : `status-${answer.status}`);
  }

  // -------------------------------------------------------------------- while it runs

  async #askWatching(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const run = (await this.#spool.run(running.run.writer)) ?? running.run;
    // Nothing may lie there to be sent for a long time, and who watches is told only for a token that is good.
    if (run.renewAtMs !== null && run.renewAtMs < Date.now()) void this.#uploader.nudge();
    const answer = await new Server(run.server).watching(run.token);
    if (running !== this.#running) return;
    if (answer.status === 401) {
      this.#uploader.refresh(run.writer);
      void this.#refreshPolicy();
    }
    if (answer.status !== 200) {
      this.#shown();
      return;
    }
    this.#watchedAtMs = recordingClock.now();
    const { watchers, digest } = readWatching(answer.body);
    const changed = JSON.stringify(watchers) !== JSON.stringify(this.#watchers);
    this.#watchers = watchers;
    if (changed) this.#shown();
    // A policy may change and its version not, as when the person moves to another team.
    if (digest !== null && digest !== running.keeper.policy?.digest) void this.#refreshPolicy();
  }

  /** The server works by this version of the policy. */
  #policyVersion(version: number): void {
    if (version > (this.#running?.keeper.policy?.version ?? Number.POSITIVE_INFINITY))
      void this.#refreshPolicy();
  }

  async #refreshPolicy(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const before = running.keeper.policy;
    const status = await running.keeper.refresh();
    if (status === 401) return this.#forgotten();
    const { policy } = running.keeper;
    if (policy === before || running !== this.#running) return;
    this.#events.believed(policy?.version ?? 0);
    running.recorder.policyChanged();
  }

  get recorder(): Recorder | null {
    return this.#running?.recorder ?? null;
  }

  pause(reason: string): Answered<null> {
    const { recorder, keeper } = this.#running ?? {};
    const rule = keeper?.policy?.pause;
    if (!recorder || !rule) return { refused: "not-recording" };
    if (rule === "no" || (rule === "reason" && reason.trim() === "")) return { refused: "pause-not-allowed" };
    recorder.pause(reason.trim());
    this.#shown();
    return { ok: null };
  }

  resume(): Answered<null> {
    this.recorder?.resume();
    this.#shown();
    return { ok: null };
  }

  /** Throws the last minutes away: in memory, on the disk, and on the server; of what ended last, where nothing runs. */
  async discard(minutes: number): Promise<Answered<null>> {
    const running = this.#running;
    const run = running?.run ?? (await this.#endedLast());
    if (!run || !(minutes > 0)) return { refused: running ? "not-recording" : "too-late" };
    const toMs = running ? recordingClock.now() : (run.endedAtMs ?? Date.now());
    const fromMs = Math.round(toMs - minutes * 60_000);
    const times: Times = { fromMs, toMs, isTakenHere: false };
    // Between two segments: one that is on its way has arrived by then, and the server is told after it. What is
    // wanted is written down first, so that it is done whatever happens to this browser meanwhile.
    await this.#uploader.between(async () => {
      await this.#spool.changeRun(run.writer, ({ discarded }) => ({ discarded: [...discarded, times] }));
      await running?.recorder.discard(fromMs, toMs);
      this.#slices.discarded(fromMs, toMs);
      await takeBack(this.#spool, run, times);
    });
    if (running) void this.#uploader.nudge();
    else await this.send(null);
    return { ok: null };
  }

  /** The run that ended last, while times of it can be taken back from here. */
  async #endedLast(): Promise<Run | null> {
    const last = (await this.#spool.runs()).filter(({ endedAtMs }) => typeof endedAtMs === "number").at(-1);
    if (!last || last.isClosed) return null;
    return last.takeBackUntilMs == null || mayTakeBack(last) ? last : null;
  }

  // -------------------------------------------------------------------- the end

  async stop(reason: "stopped" | "shutdown", why: string | null = null): Promise<void> {
    if (!this.#running) return;
    this.#phase = "stopping";
    await this.#running.recorder.stop(reason, why);
  }

  async #over(run: Run, reason: "stopped" | "shutdown", why: string | null): Promise<void> {
    for (const timer of this.#running?.timers ?? []) clearInterval(timer);
    this.#running = null;
    this.#watchers = [];
    this.#ended = why;
    const endedAtMs = recordingClock.now() + 1;
    await this.#spool.changeRun(run.writer, () => ({ ended: reason, endedAtMs }));
    this.#uploader.current = null;
    // With a token that lasts, the person can take back what was just recorded for some minutes more.
    this.#uploader.refresh(run.writer);
    this.#phase = "idle";
    this.#shown();
    await this.send(this.#enrolment);
  }

  /** Sends what lies here, from this run or an earlier one. */
  async send(enrolment: Enrolment | null): Promise<void> {
    this.#enrolment = enrolment ?? this.#enrolment;
    await this.#uploader.nudge();
    const last = await this.status();
    if (this.#phase === "idle") this.#events.nothingLeft(last);
  }

  /** The network is back. */
  hurry(): void {
    this.#uploader.hurry();
  }

  async #forgotten(): Promise<void> {
    this.#events.enrolmentEnded();
    await this.stop("shutdown", "recorder-ended");
  }

  /**
   * Ends the recorder at the server, and with it what lies here; where something does, only if `isSure`, and says how
   * much it is. `isUnheard`: even where the server cannot be told.
   */
  async leave(enrolment: Enrolment, { isSure, isUnheard }: Leaving): Promise<Answered<Left | null>> {
    this.#enrolment = enrolment;
    await this.stop("stopped");
    await Promise.race([this.#uploader.nudge(), new Promise((done) => setTimeout(done, LEAVING_MS))]);
    const { waiting, refused, untold } = await this.status();
    const segments = refused.reduce((sum, row) => sum + row.segments, waiting.segments);
    if (!isSure && (segments > 0 || untold > 0)) return { ok: { segments, untold } };
    const { status } = await new Server(enrolment.server).leave(enrolment.token);
    // It may have been ended there before.
    if (status !== 204 && status !== 401 && !isUnheard) return { refused: "leave-unheard" };
    await this.#uploader.between(() => this.#spool.forgetAll());
    this.#enrolment = null;
    this.#ended = null;
    return { ok: null };
  }

  async forgetRefused(): Promise<Answered<null>> {
    await this.#spool.forgetRefused();
    return { ok: null };
  }

  async retryRefused(): Promise<Answered<null>> {
    await this.#uploader.between(() => this.#spool.retryRefused());
    return { ok: null };
  }

  // -------------------------------------------------------------------- what the person is told

  #shown(): void {
    const { recorder, only } = this.#running ?? {};
    const phase = recorder && this.#phase === "recording" ? "recording" : this.#phase;
    const shut = recorder?.shut?.reason ?? null;
    this.#events.badge({ phase, shut, watched: this.#watchers.length > 0, only: only ?? null });
  }

  /** `null` where it is not known: nobody is told that nobody watches on the word of an answer from long ago. */
  #knownWatchers(): readonly Watcher[] | null {
    const isKnown = this.#running === null || recordingClock.now() - this.#watchedAtMs < WATCHING_KNOWN_MS;
    return isKnown ? this.#watchers : null;
  }

  #lose({ fromMs, toMs }: Pick<Waiting, "fromMs" | "toMs">, why: "disk" | "missing"): void {
    const { segments = 0 } = this.#lost ?? {};
    this.#lost = { segments: segments + 1, why };
    this.#slices.gap(fromMs, toMs);
  }

  async status(): Promise<Status> {
    const running = this.#running;
    const { policy } = running?.keeper ?? {};
    const shut = running?.recorder.shut;
    if (shut) this.#slices.gap(shut.from, recordingClock.now());
    const runs = await this.#spool.runs();
    const ended = running ? null : await this.#endedLast();
    const waiting = (await Promise.all(runs.map((run) => this.#spool.waiting(run.writer)))).flat();
    const refused = new Map<string, { reason: string; segments: number; bytes: number }>();
    for (const { reason, size } of await this.#spool.refused()) {
      const row = refused.get(reason) ?? { reason, segments: 0, bytes: 0 };
      refused.set(reason, { reason, segments: row.segments + 1, bytes: row.bytes + size });
    }
    return {
      phase: this.#phase,
      ended: this.#ended,
      recording: running?.run.recording ?? null,
      surface: running?.run.surface ?? null,
      startedAtMs: running?.recorder.startedAtMs ?? null,
      shut: shut ? { reason: shut.reason, since: shut.from } : null,
      behind: running?.recorder.behind ?? 0,
      pausedFor: running?.recorder.pausedFor ?? null,
      hears: running?.recorder.hears ?? { page: false, microphone: false },
      policy: policy ?? null,
      watchers: this.#knownWatchers(),
      lost: this.#lost,
      takeBack: ended && { endedAtMs: ended.endedAtMs ?? 0, untilMs: ended.takeBackUntilMs ?? null },
      untold: runs.reduce((sum, { discarded }) => sum + discarded.length, 0),
      slices: this.#slices.row(recordingClock.now()),
      safe: this.#safe,
      waiting: { segments: waiting.length, bytes: waiting.reduce((sum, { size }) => sum + size, 0) },
      refused: [...refused.values()],
      trouble: this.#uploader.trouble,
    };
  }
}
