/**
 * One person watching one recording: the play, its segments, the picture, and what is told about it.
 *
 * Everything the page shows is in `state`, replaced as a whole at each change. Times are recording time, in
 * milliseconds unless a name says `Us`.
 */
import { ApiError } from "../api/client";
import type { Gap, Problem, Recording, SegmentItem, Track } from "../api/types";
import { endPlay, type Followed, followPlay, leavePlay, type Play, reportRange, startPlay } from "./api";
import type { FromPlayer, PlayerChannel, SegmentMessage } from "./channel";
import { gapAt, gapMap } from "./gaps";
import { idleUntil, joinMarks, type Mark, stepFrom } from "./lane";
import { endOf, keyframeAfter, keyframeBefore, planWindow, playableUntil, segmentAt } from "./seek";
import { keyOf, Lanes, type SegmentState, Segments } from "./segments";
import { addRange, type Range, total, whole } from "./watched";

export type Phase =
  | { kind: "sealed" }
  | { kind: "reason"; problem: Problem; busy: boolean }
  | { kind: "beginning" }
  | { kind: "open"; play: Play; since: string; reason: string | null }
  | { kind: "refused"; error: ApiError }
  | { kind: "revoked"; problem: Problem }
  | { kind: "ended" }
  | { kind: "failed"; error: unknown };

export type Following = "no" | "behind" | "edge" | "asking";

export interface PlayerState {
  phase: Phase;
  recording: Recording;
  trackId: string | null;
  atMs: number;
  /** What was asked for: playing goes on by itself when what it waits for has come. */
  wantsPlay: boolean;
  /** Playing, and waiting for segments. */
  waiting: boolean;
  speed: number;
  skipIdle: boolean;
  viewport: { width: number; height: number } | null;
  /** Whether a picture is on the stage. */
  picture: boolean;
  segments: ReadonlyMap<string, SegmentState>;
  marks: readonly Mark[];
  gap: { gap: Gap; goesOn: boolean } | null;
  following: Following;
  /** What was watched in this play. */
  watched: readonly Range[];
  trouble: string | null;
}

/** How far ahead of the playhead segments are opened, in milliseconds of the viewer's time. */
const AHEAD_MS = 30_000;
const REPORT_EVERY_MS = 30_000;
/** How much is watched before the lane of who watched grows by it. */
const SHOWN_EVERY_US = 1_000_000;
const GAP_CARD_MS = 2_000;
const IDLE_MS = 3_000;
const AT_ONCE = 4;
/** Recordings up to this size are opened whole while they are watched, so that the list of events is complete. */
const WHOLE_BYTES = 24 * 1024 * 1024;

export const SPEEDS = [0.5, 1, 2, 4, 8] as const;

export class PlaySession {
  state: PlayerState;
  readonly #listeners = new Set<() => void>();
  #channel: PlayerChannel | null = null;
  #segments: Segments | null = null;
  #lanes = new Lanes();
  #active: number[] = [];
  #load = 0;
  /** The indices of the segments the player page holds: from the first to the last handed over. */
  #held = { first: -1, last: -1 };
  #untilMs = 0;
  #seekTo: number | null = null;
  #range: Range | null = null;
  #unreported: Range[] = [];
  #timers: { report?: ReturnType<typeof setInterval>; gap?: ReturnType<typeof setTimeout> } = {};
  #stopFollowing: (() => void) | null = null;
  #asking: ReturnType<typeof setInterval> | null = null;
  #filling = false;
  #backfilling = false;
  #refetch: (() => Promise<Recording>) | null = null;
  #firstPicture = true;
  /** The page has been left; what still answers is ended at once. */
  #gone = false;

  /** `atMs` is the moment the address names, or null: then playing begins by itself. */
  constructor(recording: Recording, named: number | null, refetch: () => Promise<Recording>) {
    const atMs = named ?? 0;
    this.#refetch = refetch;
    this.state = {
      phase: { kind: "sealed" },
      recording,
      trackId: trackFor(recording.tracks, atMs * 1000, null)?.id ?? null,
      atMs: Math.min(atMs, recording.duration_us / 1000),
      wantsPlay: named === null,
      waiting: false,
      speed: 1,
      skipIdle: true,
      viewport: null,
      picture: false,
      segments: new Map(),
      marks: [],
      gap: null,
      following: "no",
      watched: [],
      trouble: null,
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #set(change: Partial<PlayerState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  get track(): Track | null {
    return this.state.recording.tracks.find((track) => track.id === this.state.trackId) ?? null;
  }

  get gaps(): Gap[] {
    return gapMap(this.track?.gaps ?? []);
  }

  get durationMs(): number {
    return this.state.recording.duration_us / 1000;
  }

  // ------------------------------------------------------------------ beginning and ending

  /** Connects the picture. The page may be ready before or after the play is. */
  attach = (channel: PlayerChannel): void => {
    this.#channel = channel;
    channel.listen((message) => this.#hear(message));
    this.#held = { first: -1, last: -1 };
    if (this.state.phase.kind === "open") void this.#show(this.state.atMs);
  };

  /** Newer knowledge of the recording, while nothing is open. */
  renew(recording: Recording): void {
    if (this.state.phase.kind === "open") return;
    this.#set({ recording, trackId: this.state.trackId ?? recording.tracks[0]?.id ?? null });
  }

  begin = async (reason?: string, follow = false): Promise<void> => {
    performance.mark("clerestory:play-asked");
    const { phase } = this.state;
    this.#set({ phase: phase.kind === "reason" ? { ...phase, busy: true } : { kind: "beginning" } });
    try {
      const play = await startPlay(this.state.recording.id, {
        ...(reason ? { reason } : {}),
        ...(follow ? { follow } : {}),
      });
      if (this.#gone) {
        leavePlay(play.id, []);
        return;
      }
      this.#opened(play, reason ?? null, follow);
    } catch (error) {
      if (!(error instanceof ApiError)) this.#set({ phase: { kind: "failed", error } });
      else if (error.slug === "reason-required") {
        this.#set({ phase: { kind: "reason", problem: error.problem, busy: false } });
      } else if (error.status === 403) this.#set({ phase: { kind: "refused", error } });
      else this.#set({ phase: { kind: "failed", error } });
    }
  };

  #opened(play: Play, reason: string | null, follow: boolean): void {
    this.#segments = new Segments(play.id, () => this.#segmentsChanged());
    this.#lanes = new Lanes();
    const recording = {
      ...this.state.recording,
      tracks: play.tracks,
      duration_us: Math.max(play.duration_us, this.state.recording.duration_us),
      live: play.live,
    };
    const live = follow && play.live;
    const atMs = live ? this.#edgeMs(play.tracks) : this.state.atMs;
    this.#set({
      phase: { kind: "open", play, since: new Date().toISOString(), reason },
      recording,
      trackId: trackFor(play.tracks, atMs * 1000, this.state.trackId)?.id ?? null,
      following: live ? "behind" : "no",
      wantsPlay: live || this.state.wantsPlay,
      watched: [],
      atMs,
    });
    this.#timers.report = setInterval(() => void this.#report(), REPORT_EVERY_MS);
    this.#listen(play);
    void this.#show(atMs);
  }

  /** Ends watching: what was watched is told first, then the picture goes. */
  end = async (): Promise<void> => {
    const { phase } = this.state;
    if (phase.kind !== "open") return;
    this.#flushRange();
    this.#shut({ kind: "ended" });
    await this.#report(phase.play.id);
    try {
      await endPlay(phase.play.id);
    } catch (error) {
      // It ends by itself on the server; what matters is that the picture is gone and the reader knows.
      if (!(error instanceof ApiError && error.status === 403)) {
        this.#set({ trouble: "The end could not be told to the server. The play runs out there by itself." });
      }
    }
  };

  /** The page is there (again): the browser may bring back one that was left. */
  arrive = (): void => {
    this.#gone = false;
  };

  /** The page is going away. */
  leave = (): void => {
    this.#gone = true;
    const { phase } = this.state;
    if (phase.kind !== "open") return;
    this.#flushRange();
    leavePlay(phase.play.id, this.#unreported.map(whole));
    this.#unreported = [];
    this.#shut({ kind: "ended" });
  };

  #shut(phase: Phase): void {
    this.#channel?.send({ type: "reset" });
    this.#segments?.close();
    this.#segments = null;
    this.#lanes = new Lanes();
    this.#active = [];
    this.#held = { first: -1, last: -1 };
    this.#load += 1;
    this.#stopFollowing?.();
    this.#stopFollowing = null;
    if (this.#asking) clearInterval(this.#asking);
    this.#asking = null;
    clearInterval(this.#timers.report);
    clearTimeout(this.#timers.gap);
    this.#set({
      phase,
      picture: false,
      wantsPlay: false,
      waiting: false,
      segments: new Map(),
      marks: [],
      gap: null,
      following: "no",
    });
  }

  /** The server changed its mind: the picture goes at once, then the reason is shown. */
  #revoke(problem: Problem): void {
    this.#flushRange();
    this.#unreported = [];
    this.#shut({ kind: "revoked", problem });
  }

  #failed(error: unknown): void {
    if (this.state.phase.kind !== "open") return;
    if (error instanceof ApiError && (error.status === 403 || error.status === 404 || error.status === 401)) {
      if (error.slug === "play-ended") this.#shut({ kind: "ended" });
      else this.#revoke(error.problem);
      return;
    }
    this.#set({
      trouble: error instanceof Error ? error.message : "Segments could not be read.",
      waiting: false,
    });
    this.pause();
  }

  // ------------------------------------------------------------------ moving

  seek = (ms: number): void => {
    const atMs = Math.max(0, Math.min(ms, this.durationMs));
    clearTimeout(this.#timers.gap);
    this.#flushRange();
    const following = this.state.following === "no" || atMs < this.durationMs - 8_000 ? "no" : "behind";
    this.#set({ atMs, gap: null, following });
    if (this.state.phase.kind !== "open") return;
    void this.#show(atMs);
  };

  play = (): void => {
    if (this.state.phase.kind !== "open") return;
    const atEnd = this.state.atMs >= this.durationMs - 50 && !this.state.recording.live;
    this.#set({ wantsPlay: true, trouble: null });
    if (atEnd) this.seek(0);
    else if (this.state.gap) this.passGap();
    else this.#run();
  };

  pause = (): void => {
    clearTimeout(this.#timers.gap);
    this.#set({ wantsPlay: false, waiting: false });
    this.#channel?.send({ type: "pause" });
    this.#flushRange();
  };

  toggle = (): void => {
    if (this.state.wantsPlay) this.pause();
    else this.play();
  };

  setSpeed = (speed: number): void => {
    this.#set({ speed });
    this.#channel?.send({ type: "speed", speed });
  };

  changeSpeed = (by: 1 | -1): void => {
    const index = SPEEDS.findIndex((speed) => speed === this.state.speed);
    const speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, index + by))];
    if (speed !== undefined) this.setSpeed(speed);
  };

  setSkipIdle = (skipIdle: boolean): void => this.#set({ skipIdle });

  stepTo = (by: 1 | -1): void => {
    const mark = stepFrom(this.state.marks, this.state.atMs, by);
    if (mark) this.seek(mark.atMs);
  };

  chooseTrack = (trackId: string): void => {
    if (trackId === this.state.trackId) return;
    this.#lanes = new Lanes();
    this.#active = [];
    this.#set({ trackId, marks: [], picture: false });
    this.#held = { first: -1, last: -1 };
    this.seek(this.state.atMs);
  };

  /** Goes on behind a gap. */
  passGap = (): void => {
    const { gap } = this.state;
    if (gap) this.seek(gap.gap.to_us / 1000);
  };

  goLive = (): void => {
    this.#set({
      following: "behind",
      wantsPlay: true,
      atMs: this.#edgeMs(this.state.recording.tracks),
      gap: null,
    });
    void this.#show(this.state.atMs);
  };

  /** The end of the last segment there is. */
  #edgeMs(tracks: readonly Track[]): number {
    return Math.max(
      0,
      ...tracks.map((track) => track.segments.at(-1)).map((last) => (last ? endOf(last) / 1000 : 0)),
    );
  }

  /** Shows a moment: from what the page holds, or by handing over a window anew. */
  async #show(atMs: number, before?: number): Promise<void> {
    const { track } = this;
    if (!track || !this.#channel || !this.#segments) return;
    this.#seekTo = atMs;
    const gap = gapAt(this.gaps, atMs * 1000);
    if (gap) {
      this.#standInGap(gap);
      return;
    }
    const index = segmentAt(track.segments, atMs * 1000);
    const { first, last } = this.#held;
    if (before === undefined && first !== -1 && index >= first && index <= last) {
      performance.mark("clerestory:seek-asked");
      this.#untilMs = this.#until(track, last, atMs);
      this.#channel.send({ type: "seek", at_ms: atMs });
      if (this.state.wantsPlay) this.#run();
      return;
    }
    await this.#reload(track, atMs, before);
  }

  async #reload(track: Track, atMs: number, before?: number): Promise<void> {
    const plan = planWindow(track.segments, atMs * 1000, before);
    const segments = this.#segments;
    if (!plan || !segments) return;
    const load = ++this.#load;
    this.#held = { first: -1, last: -1 };
    this.#set({ waiting: true });
    try {
      const wanted = track.segments.slice(plan.first, plan.target + 1);
      // The keyframe is asked for first; the rest of the window follows on the same connection, side by side.
      const opened = await Promise.all(wanted.map((segment) => segments.open(track.id, segment.sequence)));
      if (load !== this.#load) return;
      const messages: SegmentMessage[] = [];
      for (const [offset, result] of opened.entries()) {
        const segment = wanted[offset];
        if (!segment) break;
        if ("lost" in result) {
          this.#lost(track, plan.first + offset, result.lost);
          if (
            plan.first + offset === plan.first ||
            plan.first + offset <= segmentAt(track.segments, atMs * 1000)
          ) {
            this.#set({ waiting: false });
            void this.#show(atMs);
            return;
          }
          break;
        }
        messages.push({ sequence: segment.sequence, start_us: segment.start_us, bytes: result.bytes });
      }
      this.#hand(track, plan.first, plan.earliest, messages, atMs);
    } catch (error) {
      if (load === this.#load) this.#failed(error);
    }
  }

  #hand(track: Track, first: number, earliest: boolean, segments: SegmentMessage[], atMs: number): void {
    this.#held = { first, last: first + segments.length - 1 };
    this.#untilMs = this.#until(track, this.#held.last, atMs);
    this.#channel?.send({
      type: "load",
      load: this.#load,
      at_ms: atMs,
      play: this.state.wantsPlay,
      speed: this.state.speed,
      until_ms: this.#untilMs,
      earliest,
      segments,
    });
    for (const [offset, { bytes }] of segments.entries()) {
      if (bytes) this.#read(track, first + offset, bytes);
    }
  }

  #until(track: Track, last: number, fromMs: number): number {
    const durationUs = this.state.recording.live ? 0 : this.state.recording.duration_us;
    return playableUntil(track.segments, this.gaps, last, fromMs * 1000, durationUs) / 1000;
  }

  /** Plays on, if there is anything to play on. */
  #run(): void {
    const { track } = this;
    if (!track || this.#held.first === -1 || this.state.gap) return;
    this.#untilMs = this.#until(track, this.#held.last, this.state.atMs);
    if (this.state.atMs >= this.#untilMs - 1) {
      this.#reached(this.#untilMs);
      return;
    }
    this.#set({ waiting: false });
    this.#channel?.send({ type: "play", speed: this.state.speed, until_ms: this.#untilMs });
    void this.#fill();
  }

  /** Opens what comes next and hands it over, so that playing does not have to wait. */
  async #fill(): Promise<void> {
    const { track } = this;
    const segments = this.#segments;
    if (this.#filling || !track || !segments || this.#held.first === -1) return;
    this.#filling = true;
    try {
      while (this.#segments === segments && this.track?.id === track.id) {
        const tracks = this.track.segments;
        const from = this.#held.last + 1;
        const next = tracks[from];
        if (!next || next.start_us / 1000 > this.state.atMs + AHEAD_MS * Math.max(1, this.state.speed))
          return;
        const load = this.#load;
        const batch = tracks.slice(from, from + AT_ONCE);
        const opened = await Promise.all(batch.map((segment) => segments.open(track.id, segment.sequence)));
        if (load !== this.#load || this.#segments !== segments) return;
        const messages: SegmentMessage[] = [];
        for (const [offset, result] of opened.entries()) {
          const segment = batch[offset];
          if (!segment) break;
          if ("lost" in result) {
            this.#lost(track, from + offset, result.lost);
            break;
          }
          messages.push({ sequence: segment.sequence, start_us: segment.start_us, bytes: result.bytes });
        }
        if (messages.length === 0) return;
        this.#held = { ...this.#held, last: from + messages.length - 1 };
        this.#channel?.send({ type: "append", load, segments: messages });
        for (const [offset, { bytes }] of messages.entries())
          if (bytes) this.#read(track, from + offset, bytes);
        if (this.state.wantsPlay) this.#run();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#filling = false;
    }
  }

  /** A segment does not open: a gap of its own, up to the next keyframe. */
  #lost(track: Track, index: number, reason: "damaged" | "erased"): void {
    const segment = track.segments[index];
    if (!segment) return;
    const next = track.segments[keyframeAfter(track.segments, index)];
    const to_us = next ? next.start_us : Math.max(endOf(segment) + 1, this.state.recording.duration_us);
    const gap: Gap = { from_us: segment.start_us, to_us, reason };
    const tracks = this.state.recording.tracks.map((other) =>
      other.id === track.id ? { ...other, gaps: [...other.gaps, gap] } : other,
    );
    this.#set({ recording: { ...this.state.recording, tracks } });
  }

  #standInGap(gap: Gap): void {
    this.#channel?.send({ type: "pause" });
    const endsMs = gap.to_us / 1000;
    const goesOn = this.state.wantsPlay && endsMs < this.durationMs;
    this.#set({ gap: { gap, goesOn }, waiting: false });
    void this.#backfill();
    clearTimeout(this.#timers.gap);
    if (goesOn) this.#timers.gap = setTimeout(() => this.passGap(), GAP_CARD_MS);
  }

  /** Playing came to where it may not go on by itself. */
  #reached(atMs: number): void {
    this.#flushRange();
    const { track } = this;
    this.#set({ atMs });
    if (!track || !this.state.wantsPlay) return;
    const gap = gapAt(this.gaps, atMs * 1000);
    if (gap) {
      this.#standInGap(gap);
      return;
    }
    if (this.#held.last < track.segments.length - 1) {
      this.#set({ waiting: true });
      void this.#fill();
      return;
    }
    if (this.state.recording.live) {
      this.#set({ waiting: true, following: this.state.following === "asking" ? "asking" : "edge" });
    } else {
      this.#set({ wantsPlay: false, waiting: false, following: "no" });
    }
  }

  // ------------------------------------------------------------------ what the page says

  #hear(message: FromPlayer): void {
    if (this.state.phase.kind !== "open") return;
    switch (message.type) {
      case "size":
        this.#set({ viewport: { width: message.width, height: message.height } });
        return;
      case "painted":
        this.#painted(message.at_ms);
        return;
      case "position":
        if (message.load === this.#load) this.#moved(message.at_ms, message.playing);
        return;
      case "reached":
        this.#reached(message.at_ms);
        return;
      case "outside":
      case "needs": {
        const { track } = this;
        const atMs = message.type === "needs" ? message.before_ms : message.at_ms;
        if (!track) return;
        const first = planWindow(track.segments, atMs * 1000)?.first ?? 0;
        const earlier = message.type === "needs" && this.#held.first === first;
        void this.#reload(track, atMs, earlier ? first - 1 : undefined);
        return;
      }
      case "error":
        this.#set({ trouble: `Part of the picture could not be drawn: ${message.message}` });
        return;
      case "ready":
      case "made_inert":
        return;
    }
  }

  #painted(atMs: number): void {
    if (this.#firstPicture) {
      this.#firstPicture = false;
      performance.mark("clerestory:first-picture");
    } else {
      performance.mark("clerestory:painted");
    }
    this.#seekTo = null;
    this.#set({
      picture: true,
      waiting: this.state.wantsPlay && this.state.waiting && this.state.following === "edge",
    });
    this.#see({ from_us: atMs * 1000, to_us: atMs * 1000 + 1 });
    if (this.state.wantsPlay) this.#run();
    else void this.#fill();
    void this.#backfill();
  }

  #moved(atMs: number, playing: boolean): void {
    if (this.#seekTo !== null && !playing) return;
    this.#set({ atMs });
    if (!playing) return;
    const atUs = atMs * 1000;
    if (this.#range && atUs >= this.#range.to_us) this.#range.to_us = atUs;
    else if (!this.#range) this.#range = { from_us: atUs, to_us: atUs };
    if (this.#range && this.#range.to_us - this.#range.from_us > SHOWN_EVERY_US) {
      this.#flushRange();
      this.#range = { from_us: atUs, to_us: atUs };
    }
    if (this.state.skipIdle && this.state.following === "no") this.#skip(atMs);
    void this.#fill();
  }

  #skip(atMs: number): void {
    const next = idleUntil(this.#active, atMs, this.#untilMs, IDLE_MS);
    if (next === null || next - 400 <= atMs) return;
    this.#flushRange();
    this.#set({ atMs: next - 400 });
    void this.#show(next - 400);
  }

  // ------------------------------------------------------------------ segments and marks

  #segmentsChanged(): void {
    if (this.#segments) this.#set({ segments: new Map(this.#segments.states) });
  }

  #read(track: Track, index: number, bytes: ArrayBuffer): void {
    const keyframe = keyframeBefore(track.segments, index);
    if (keyframe === -1) return;
    // Reading is for the list beside the picture: the picture goes first.
    setTimeout(() => {
      if (this.track?.id !== track.id || !this.#segments) return;
      if (!this.#lanes.take(keyframe, index, track.segments, bytes)) return;
      this.#active = this.#lanes.active();
      this.#set({ marks: joinMarks(this.#lanes.marks()) });
    }, 0);
  }

  /** Opens the rest of a small recording, one by one, so that the list of events and the lanes are whole. */
  async #backfill(): Promise<void> {
    const { track } = this;
    const segments = this.#segments;
    if (this.#backfilling || !track || !segments || this.state.recording.size_bytes > WHOLE_BYTES) return;
    this.#backfilling = true;
    try {
      for (const [index, segment] of track.segments.entries()) {
        if (this.#segments !== segments || this.track?.id !== track.id) return;
        if (segments.states.get(keyOf(track.id, segment.sequence)) === "open") {
          if (index >= this.#held.first && index <= this.#held.last) continue;
        }
        const result = await segments.open(track.id, segment.sequence);
        if ("bytes" in result) this.#read(track, index, result.bytes);
        else if (!gapAt(this.gaps, segment.start_us)) this.#lost(track, index, result.lost);
      }
    } catch (error) {
      if (error instanceof ApiError) this.#failed(error);
      // A line that broke is noticed, and told, where the picture needs it.
    } finally {
      this.#backfilling = false;
    }
  }

  // ------------------------------------------------------------------ telling what was watched

  #see(range: Range): void {
    this.#unreported = addRange(this.#unreported, range);
    this.#set({ watched: addRange(this.state.watched, range) });
  }

  #flushRange(): void {
    const range = this.#range;
    this.#range = null;
    if (range && range.to_us > range.from_us) this.#see(range);
  }

  async #report(play?: string): Promise<void> {
    const id = play ?? (this.state.phase.kind === "open" ? this.state.phase.play.id : null);
    if (id === null) return;
    const running = this.#range;
    this.#flushRange();
    if (running) this.#range = { from_us: running.to_us, to_us: running.to_us };
    const ranges = this.#unreported.map(whole);
    this.#unreported = [];
    try {
      for (const range of ranges) await reportRange(id, range);
    } catch (error) {
      this.#unreported = ranges.reduce(addRange, this.#unreported); // told again with the next report
      if (play === undefined) this.#failed(error);
    }
  }

  get watchedUs(): number {
    return total(this.state.watched) + (this.#range ? this.#range.to_us - this.#range.from_us : 0);
  }

  // ------------------------------------------------------------------ following

  #listen(play: Play): void {
    const after = play.tracks
      .map((track) => `${track.id}:${track.segments.at(-1)?.sequence ?? -1}`)
      .join(",");
    this.#stopFollowing = followPlay(play.id, after, (what) => this.#followed(what));
  }

  #followed(what: Followed): void {
    if (this.state.phase.kind !== "open") return;
    switch (what.kind) {
      case "revoked":
        this.#revoke(what.problem);
        break;
      case "closed":
        this.#set({
          recording: { ...this.state.recording, live: false, duration_us: what.durationUs },
          following: "no",
        });
        if (this.state.wantsPlay && this.state.waiting) this.#run();
        return;
      case "gap":
        this.#grow(what.track, [], [what.gap]);
        break;
      case "segment":
        this.#grow(what.track, [what.segment], []);
        break;
      case "lost":
        this.#askInstead();
        break;
    }
  }

  #grow(trackId: string, segments: SegmentItem[], gaps: Gap[]): void {
    const { recording } = this.state;
    const tracks = recording.tracks.map((track) => {
      if (track.id !== trackId) return track;
      const known = new Set(track.segments.map((segment) => segment.sequence));
      const added = segments.filter((segment) => !known.has(segment.sequence));
      const sorted = [...track.segments, ...added].sort((a, b) => a.sequence - b.sequence);
      return { ...track, segments: sorted, gaps: gapMap([...track.gaps, ...gaps]) };
    });
    const end = Math.max(recording.duration_us, ...segments.map(endOf), ...gaps.map((gap) => gap.to_us));
    const size_bytes = recording.size_bytes + segments.reduce((sum, segment) => sum + segment.size_bytes, 0);
    this.#set({ recording: { ...recording, tracks, duration_us: end, size_bytes } });
    if (this.state.following === "edge") this.#set({ following: "behind" });
    if (trackId !== this.state.trackId) return;
    const newest = segments.at(-1);
    if (this.#held.first === -1) void this.#show(this.state.atMs);
    else if (newest && this.state.following !== "no") void this.#keepUp(newest.start_us / 1000);
    else void this.#fill();
  }

  /** Following shows the newest segment as it comes; quiet time and what was missed before it is passed over. */
  async #keepUp(newestMs: number): Promise<void> {
    await this.#fill();
    if (this.state.following === "no" || !this.state.wantsPlay) return;
    if (this.state.atMs < newestMs - 300) {
      this.#flushRange();
      this.#set({ atMs: newestMs });
      void this.#show(newestMs);
    } else if (this.state.waiting) {
      this.#run();
    }
  }

  /** The stream is gone: the recording is asked for every five seconds, and the page says so. */
  #askInstead(): void {
    if (!this.state.recording.live || this.#asking) return;
    this.#set({ following: this.state.following === "no" ? "no" : "asking" });
    this.#asking = setInterval(() => {
      this.#refetch?.().then(
        (recording) => {
          for (const track of recording.tracks) this.#grow(track.id, track.segments, track.gaps);
          if (!recording.live) this.#followed({ kind: "closed", durationUs: recording.duration_us });
        },
        (error: unknown) => this.#failed(error),
      );
    }, 5_000);
  }
}

/** The track to show at a moment: the one chosen if it has it, else one that has, else the first. */
export function trackFor(tracks: readonly Track[], atUs: number, chosen: string | null): Track | null {
  const covers = (track: Track) => {
    const index = segmentAt(track.segments, atUs);
    const segment = track.segments[index];
    return segment !== undefined && segment.start_us <= atUs + 1_000_000;
  };
  const dom = tracks.filter((track) => track.kind === "dom" && track.segments.length > 0);
  return dom.find((track) => track.id === chosen) ?? dom.find(covers) ?? dom[0] ?? null;
}
