/**
 * One recording, from the person's click to its last segment on the disk. Everything it holds ends in `stop`, whoever
 * calls it and however often.
 */

import { type Entry, readPageEntry, shortText } from "../actions/entries";
import { Flood } from "../actions/flood";
import { ActionLog } from "../actions/log";
import { Places } from "../actions/places";
import { recordingClock } from "../media/clock";
import { PictureEncoder, type PictureFormat } from "../media/picture-encoder";
import { type Picture, Pictures } from "../media/pictures";
import type { Gap, GapReason } from "../media/segment";
import { type Sample, Sound, SoundEncoder, type SoundFormat } from "../media/sound";
import { TrackCutter } from "../media/track";
import { Gate, type SeenFrame, type SeenTab, type Went } from "../rules/gate";
import { Valve } from "../rules/valve";
import type { Run } from "../spool/spool";
import { Ear, hearsOthers } from "./ear";
import type { PolicyKeeper } from "./keeper";
import type { Shelf } from "./shelf";
import type { Sources } from "./sources";

export interface RecorderParts {
  readonly run: Run;
  readonly sources: Sources;
  readonly keeper: PolicyKeeper;
  readonly shelf: Shelf;
  readonly segmentMs: number;
  readonly segmentBytes: number;
  /** The tab that is captured, where it is one. */
  readonly only: number | null;
}

export interface RecorderEvents {
  /** Asks the browser for all visible pages. Rejects, or is late, where it does not answer. */
  look(heard: boolean): Promise<readonly SeenTab[]>;
  changed(): void;
  /** There are no rules to go by: they are to be asked for again. */
  needsPolicy(): void;
  /** It ended, by itself or because it was told to. */
  ended(reason: "stopped" | "shutdown", why: string | null): void;
}

/** The frame of a page that told something, and the page it is in. */
export interface Teller {
  readonly tab: number;
  readonly frame: number;
  readonly address: string;
  readonly top: string;
}

const PUMP_MS = 100;
const LOOK_MS = 250;
const LATE_MS = 2000;
/** A picture that does not change is told again so often: whoever plays can tell stillness from loss. */
const REPEAT_MS = 1000;
const FIRST_PICTURE_MS = 10_000;
/** No picture for so long: a new one is asked for, again and again. */
const ASK_PICTURE_MS = 20_000;
const ASK_AGAIN_MS = 5000;
/** And so long after that nobody knows what is on the screen; a minimised window gives none, for one. */
const NO_PICTURE_MS = 30_000;
/** Said by rules that are believed: there is nothing to wait for. */
const FINAL: readonly string[] = ["recording-off", "surface-off", "notice-needed"];
/** Without a policy for so long the recording ends. */
const POLICY_MS = 60_000;
/** The beat stood still for so long: the device slept, and what was asked for before is asked for again first. */
const SLEPT_MS = 5000;
const MOST_APART_MS = 10_000;
/** What was taken last waits for the same judgement as everything else, and no longer than this. */
const DRAIN_MS = 2500;

/** Whoever tells a time by the device's clock, or by one of its own, is put right where it matters. */
const told = (atMs: number): number => {
  const now = recordingClock.now();
  return Math.abs(now - atMs) > MOST_APART_MS ? now : Math.round(atMs);
};

export class Recorder {
  readonly #parts: RecorderParts;
  readonly #events: RecorderEvents;
  readonly #gate: Gate;
  readonly #valve: Valve<Picture, Sample, Entry>;
  readonly #video: TrackCutter<PictureFormat>;
  readonly #audio: TrackCutter<SoundFormat>;
  readonly #actions: ActionLog;
  readonly #pictureEncoder: PictureEncoder;
  readonly #soundEncoder: SoundEncoder;
  readonly #pictures: Pictures;
  readonly #ear: Ear;
  readonly #startedAtMs = recordingClock.now();
  #timers: ReturnType<typeof setInterval>[] = [];
  #last: { readonly atMs: number; readonly picture: Picture } | null = null;
  #tookAtMs: number | null = null;
  #askedPictureAtMs = 0;
  #looking = false;
  #pausedFor: string | null = null;
  #noPolicySince: number | null = null;
  #beatAtMs = recordingClock.now();
  #stopping: Promise<void> | null = null;
  readonly #places: Places;
  #isPlaced = false;
  #shutShown: GapReason | null = null;
  readonly #flood = new Flood();

  constructor(parts: RecorderParts, events: RecorderEvents) {
    const { keeper, shelf, sources, segmentMs, segmentBytes } = parts;
    const { policy } = keeper;
    if (!policy) throw new Error("nothing is recorded without a policy");
    this.#parts = parts;
    this.#events = events;
    this.#gate = new Gate(policy.pages, parts.only);
    this.#video = new TrackCutter({ wantedMs: segmentMs, bytes: segmentBytes }, (cut) =>
      shelf.put({ kind: "video", cut }),
    );
    this.#audio = new TrackCutter({ wantedMs: segmentMs, bytes: segmentBytes }, (cut) =>
      shelf.put({ kind: "audio", cut }),
    );
    this.#actions = new ActionLog(segmentMs, (cut) => shelf.put({ kind: "actions", cut }));
    this.#pictureEncoder = new PictureEncoder(segmentMs, {
      format: (format) => this.#video.describe(format),
      chunk: (chunk) => this.#video.add(chunk),
      lost: () => this.#lost(this.#video),
      none: () => void this.stop("shutdown", "no-encoder"),
    });
    this.#soundEncoder = new SoundEncoder({
      format: (format) => this.#audio.describe(format),
      chunk: (chunk) => this.#audio.add(chunk),
      lost: () => this.#lost(this.#audio),
    });
    this.#places = new Places({
      excludes: (address) => this.#gate.excludes(address, false),
      told: (entry) => this.#valve.addEntry(entry.t, entry),
    });
    this.#valve = new Valve(this.#gate, this.#startedAtMs, {
      picture: (atMs, picture) => this.#pictureEncoder.encode(atMs, picture),
      // What waited when the rules took sound away is not kept.
      sample: (atMs, sample) => {
        if (keeper.policy?.audio) this.#soundEncoder.encode(atMs, sample);
      },
      entry: (_, entry) => {
        this.#places.logged(entry);
        this.#actions.add(entry);
      },
      gap: (gap) => this.#tell(gap),
      // What was shown last was of before the gap, and is not told again after it.
      opened: (fromMs) => {
        this.#last = null;
        this.#pictures.refresh();
        this.#places.again(fromMs, (tab) => this.#gate.isSeen(tab));
      },
    });
    this.#pictures = new Pictures(sources.picture, {
      taken: (atMs, picture) => this.#take(atMs, picture),
      unread: () => {
        this.#last = null;
      },
      ended: () => void this.stop("stopped", "source-ended"),
    });
    this.#ear = new Ear(sources, policy.audio, () => this.#listen(sources));
    this.#timers = [setInterval(() => this.#pump(), PUMP_MS), setInterval(() => void this.look(), LOOK_MS)];
    void this.look();
  }

  get pausedFor(): string | null {
    return this.#pausedFor;
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  get shut(): { readonly reason: GapReason; readonly from: number } | null {
    return this.#valve.shut;
  }

  /** Excluded pages in tabs behind others. */
  get behind(): number {
    return this.#gate.behind;
  }

  get hears(): Sources["hears"] {
    return this.#ear.hears;
  }

  #listen({ sounds }: Sources): Sound {
    const sound = new Sound((atMs, sample) => this.#valve.addSample(atMs, sample));
    for (const { stream, audible } of sounds) sound.add(stream, audible);
    sound.begin();
    return sound;
  }

  #take(atMs: number, picture: Picture): void {
    this.#tookAtMs = recordingClock.now();
    this.#last = { atMs, picture };
    this.#valve.addPicture(atMs, picture);
  }

  // -------------------------------------------------------------------- what can be seen

  /** Asks what is visible now; nothing goes on that was taken after the last answer. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const askedAt = recordingClock.now();
    try {
      const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("late")), LATE_MS));
      const visible = await Promise.race([this.#events.look(hearsOthers(this.#parts.run, this.hears)), late]);
      if (this.#gate.see(visible, askedAt, recordingClock.now())) this.#pump();
      this.#placeFirst(visible);
    } catch {
      // Who does not answer lets nothing through: the valve counts the time since the last answer.
    } finally {
      this.#looking = false;
    }
  }

  /** By the first answer that counts: where the person is. */
  #placeFirst(visible: readonly SeenTab[]): void {
    if (this.#isPlaced || !this.#gate.isClear) return;
    this.#isPlaced = true;
    const { only } = this.#parts;
    for (const { tab, frames, isBehind } of visible) {
      const page = frames.find(({ frame }) => frame === 0);
      if (page && !isBehind && (only === null || only === tab))
        this.#places.begin(tab, page.url, this.#startedAtMs);
    }
  }

  went(went: Went): void {
    if (this.#gate.went(went, recordingClock.now())) {
      if (went.frame === 0 && went.stage !== "before") this.#places.leave(went.tab);
      this.#pump();
    } else if (went.frame === 0 && (went.stage === "committed" || went.stage === "changed"))
      this.#navigated(went);
  }

  /** A frame says whether there is anything of it to be seen. */
  sized(tab: number, frame: SeenFrame, isSeen: boolean): void {
    if (this.#gate.sized(tab, frame, isSeen, recordingClock.now())) this.#pump();
  }

  painted(tab: number, address: string, document: string | undefined): void {
    this.#gate.painted(tab, address, document, recordingClock.now());
  }

  /** New rules, or the end of all of them. */
  policyChanged(): void {
    const { policy } = this.#parts.keeper;
    if (policy) {
      this.#gate.replaceRules(policy.pages);
      void this.#ear.follow(policy.audio).then(() => this.#events.changed());
    }
    this.#pump();
    void this.look();
  }

  // -------------------------------------------------------------------- the action log

  #navigated({ tab, url, at }: Went): void {
    if (this.#parts.only !== null && this.#parts.only !== tab) return;
    this.#places.at("navigate", tab, url, told(at));
  }

  /** Something a page told of itself. */
  entry(said: unknown, atMs: number, { tab, frame, address, top }: Teller): void {
    if (this.#parts.only !== null && this.#parts.only !== tab) return;
    if (this.#gate.excludes(address, frame !== 0) || this.#gate.excludes(top, false)) return;
    if (this.#flood.isTooMuch(tab, recordingClock.now())) return;
    const t = told(atMs);
    const entry = readPageEntry(said, t);
    if (entry) this.#valve.addEntry(t, entry);
    else if (frame === 0) this.#places.entitle(tab, top, said);
  }

  /** Another tab is in front. */
  tab(tab: number, atMs: number, url: string): void {
    if (this.#parts.only !== null) return;
    this.#places.at("tab", tab, url, told(atMs));
  }

  // -------------------------------------------------------------------- the person

  pause(reason: string): void {
    this.#pausedFor = reason;
    this.#pump();
    // Said of where the gap begins; what waited of the time before it is not kept, so nothing comes in between.
    const t = Math.round(this.#valve.shut?.from ?? recordingClock.now());
    if (reason !== "") this.#actions.add({ t, kind: "pause", reason: shortText(reason) });
  }

  resume(): void {
    this.#pausedFor = null;
    this.#pump();
  }

  /** Throws away what is in memory of this time, up to now. What lies on the disk is the caller's. */
  async discard(fromMs: number, toMs: number): Promise<void> {
    this.#last = null;
    this.#valve.discard(fromMs);
    const gap: Gap = {
      from_ms: Math.round(Math.max(fromMs, this.#startedAtMs)),
      to_ms: toMs,
      reason: "discarded",
    };
    const drop = (track: TrackCutter<PictureFormat> | TrackCutter<SoundFormat>) => {
      track.discard(gap.from_ms);
      track.cut();
      track.gap(gap);
    };
    this.#pictures.refresh();
    this.#actions.discard(gap.from_ms);
    this.#actions.gap(gap);
    await Promise.all([
      this.#pictureEncoder.after(() => drop(this.#video)),
      this.#soundEncoder.after(() => drop(this.#audio)),
    ]);
    await this.#parts.shelf.idle();
  }

  // -------------------------------------------------------------------- the beat

  #pump(): void {
    if (this.#stopping && this.#timers.length === 0) return;
    const now = recordingClock.now();
    if (!this.#stopping) this.#watch(now);
    this.#repeat(now);
    this.#valve.pump(now, this.#against(now));
    this.#pictureEncoder.watch(now);
    this.#soundEncoder.watch(now);
    this.#actions.tick(now);
    const shut = this.#valve.shut?.reason ?? null;
    if (shut !== null) this.#last = null;
    if (shut !== this.#shutShown) {
      this.#shutShown = shut;
      this.#events.changed();
    }
  }

  #refusal(): ReturnType<PolicyKeeper["against"]> {
    const { keeper, run } = this.#parts;
    return keeper.against(run.surface, run.notice);
  }

  #against(now: number): GapReason | null {
    const refusal = this.#refusal();
    this.#noPolicySince = refusal === null ? null : (this.#noPolicySince ?? now);
    if (now - this.#beatAtMs > SLEPT_MS && this.#noPolicySince !== null) this.#noPolicySince = now;
    this.#beatAtMs = now;
    if (refusal !== null) return "policy";
    if (this.#pausedFor !== null) return "paused";
    return now - (this.#tookAtMs ?? now) > NO_PICTURE_MS ? "lost" : null;
  }

  #watch(now: number): void {
    if (this.#tookAtMs === null && now - this.#startedAtMs > FIRST_PICTURE_MS)
      void this.stop("shutdown", "no-picture");
    const isSilent = now - (this.#tookAtMs ?? now) > ASK_PICTURE_MS;
    if (isSilent && now - this.#askedPictureAtMs > ASK_AGAIN_MS) {
      this.#askedPictureAtMs = now;
      this.#pictures.refresh();
    }
    if (this.#parts.keeper.isToRetry(now)) this.#events.needsPolicy();
    const refusal = this.#refusal();
    if (refusal === null) return;
    const isFinal = FINAL.includes(refusal);
    if (isFinal || (this.#noPolicySince !== null && now - this.#noPolicySince > POLICY_MS))
      void this.stop("shutdown", refusal);
  }

  /** Nothing moved: the same picture once more, as of now, judged like any other. */
  #repeat(now: number): void {
    if (!this.#last || this.#stopping || now - this.#last.atMs < REPEAT_MS) return;
    const { picture } = this.#last;
    this.#last = { atMs: now, picture };
    this.#valve.addPicture(now, picture);
  }

  /** An encoder gave up: what it had not put out yet is missing. */
  #lost(track: TrackCutter<PictureFormat> | TrackCutter<SoundFormat>): void {
    const now = recordingClock.now();
    const from = Math.round((track.endUs ?? now * 1000) / 1000);
    track.cut();
    if (now > from) track.gap({ from_ms: from, to_ms: now, reason: "lost" });
  }

  /** Ends what came before the gap, and tells it on every track. */
  #tell(gap: Gap): void {
    const tell = (track: TrackCutter<PictureFormat> | TrackCutter<SoundFormat>) => {
      track.cut();
      track.gap(gap);
    };
    void this.#pictureEncoder.after(() => tell(this.#video));
    void this.#soundEncoder.after(() => tell(this.#audio));
    this.#actions.gap(gap);
  }

  /** A gap of something that could not be written; it goes with the next segment of that track. */
  notKept(kind: "video" | "audio" | "actions", fromMs: number, toMs: number): void {
    const gap: Gap = { from_ms: fromMs, to_ms: toMs, reason: "lost" };
    if (kind === "actions") this.#actions.gap(gap);
    else (kind === "video" ? this.#video : this.#audio).gap(gap);
  }

  // -------------------------------------------------------------------- the end

  /** The one way to end. Resolves when everything that may be kept lies on the disk. */
  stop(reason: "stopped" | "shutdown", why: string | null = null): Promise<void> {
    this.#stopping ??= this.#stop(reason, why);
    return this.#stopping;
  }

  async #stop(reason: "stopped" | "shutdown", why: string | null): Promise<void> {
    this.#events.changed();
    this.#pictures.stop();
    await this.#ear.stop();
    const until = recordingClock.now() + DRAIN_MS;
    while (!this.#valve.isEmpty && recordingClock.now() < until)
      await new Promise((done) => setTimeout(done, PUMP_MS));
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#valve.end(recordingClock.now());
    await Promise.all([
      this.#pictureEncoder.after(() => this.#video.cut()),
      this.#soundEncoder.after(() => this.#audio.cut()),
    ]);
    this.#actions.cut();
    this.#pictureEncoder.close();
    this.#soundEncoder.close();
    await this.#parts.shelf.idle();
    this.#events.ended(reason, why);
  }
}
