/**
 * One person watching one recording: the play, its segments, the picture, and what is told about it.
 *
 * Everything the page shows is in `state`, replaced as a whole at each change. Times are recording time, in
 * milliseconds unless a name says `Us`.
 */
import { ApiError } from "../api/client";
import type { Gap, Problem, Recording, SegmentItem, Track } from "../api/types";
import { endPlay, type Followed, leavePlay, type Play, startPlay } from "./api";
import type { FromPlayer, PlayerChannel, SegmentMessage } from "./channel";
import { Follow } from "./follow";
import { gapAt, gapMap } from "./gaps";
import { grown, handed, withLost, withTracks } from "./grow";
import { idleUntil, joinMarks, stepFrom } from "./lane";
import { Looks } from "./looks";
import { endOf, keyframeBefore, planWindow, playableUntil, segmentAt, trackFor } from "./seek";
import { keyOf, Lanes, Segments } from "./segments";
import type { Phase, PlayerState } from "./state";
import { SPEEDS } from "./state";
import { addRange, total } from "./watched";

/** How far ahead of the playhead segments are opened, in milliseconds of the viewer's time. */
const AHEAD_MS = 30_000;
const REPORT_EVERY_MS = 30_000;
const GAP_CARD_MS = 2_000;
const IDLE_MS = 3_000;
const AT_ONCE = 4;
/** Recordings up to this size are opened whole while they are watched, so that the list of events is complete. */
const WHOLE_BYTES = 24 * 1024 * 1024;

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
  readonly #looks = new Looks((range) => this.#set({ watched: addRange(this.state.watched, range) }));
  #timers: {
    report?: ReturnType<typeof setInterval>;
    gap?: ReturnType<typeof setTimeout>;
  } = {};
  #follow: Follow | null = null;
  #filling = false;
  #backfilling = false;
  readonly #refetch: () => Promise<Recording>;
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
    this.#looks.stop();
    this.#shut({ kind: "ended", by: "you" });
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
    this.#looks.stop();
    leavePlay(phase.play.id, this.#looks.take());
    this.#shut({ kind: "ended", by: "you" });
  };

  #shut(phase: Phase): void {
    this.#channel?.send({ type: "reset" });
    this.#segments?.close();
    this.#segments = null;
    this.#lanes = new Lanes();
    this.#active = [];
    this.#held = { first: -1, last: -1 };
    this.#load += 1;
    this.#follow?.stop();
    this.#follow = null;
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
    this.#looks.stop();
    this.#looks.take();
    this.#shut({ kind: "revoked", problem });
  }

  #failed(error: unknown): void {
    if (this.state.phase.kind !== "open") return;
    if (error instanceof ApiError && (error.status === 403 || error.status === 404 || error.status === 401)) {
      if (error.slug === "play-ended") this.#shut({ kind: "ended", by: "time" });
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
    this.#looks.stop();
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
    this.#looks.stop();
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
      const { messages, lost } = handed(wanted, opened);
      if (lost) this.#lost(track, plan.first + lost.offset, lost.reason);
      if (lost && plan.first + lost.offset <= segmentAt(track.segments, atMs * 1000)) {
        this.#set({ waiting: false });
        void this.#show(atMs);
        return;
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
        const { messages, lost } = handed(batch, opened);
        if (lost) this.#lost(track, from + lost.offset, lost.reason);
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

  /** A segment does not open: a gap of its own. */
  #lost(track: Track, index: number, reason: "damaged" | "erased"): void {
    this.#set({ recording: withLost(this.state.recording, this.track ?? track, index, reason) });
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
    this.#looks.stop();
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
    this.#looks.still(atMs);
    if (this.state.wantsPlay) this.#run();
    else void this.#fill();
    void this.#backfill();
  }

  #moved(atMs: number, playing: boolean): void {
    if (this.#seekTo !== null && !playing) return;
    this.#set({ atMs });
    if (!playing) return;
    this.#looks.at(atMs);
    if (this.state.skipIdle && this.state.following === "no") this.#skip(atMs);
    void this.#fill();
  }

  #skip(atMs: number): void {
    const next = idleUntil(this.#active, atMs, this.#untilMs, IDLE_MS);
    if (next === null || next - 400 <= atMs) return;
    this.#looks.stop();
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

  async #report(play?: string): Promise<void> {
    const id = play ?? (this.state.phase.kind === "open" ? this.state.phase.play.id : null);
    if (id === null) return;
    try {
      await this.#looks.report(id);
    } catch (error) {
      if (play === undefined) this.#failed(error);
    }
  }

  get watchedUs(): number {
    return total(this.state.watched);
  }

  // ------------------------------------------------------------------ following

  #listen(play: Play): void {
    this.#follow = new Follow(play, {
      hear: (what) => this.#followed(what),
      failed: (error) => this.#failed(error),
      refetch: this.#refetch,
      asked: (recording) => {
        this.#set({ recording: withTracks(this.state.recording, recording.tracks) });
        for (const track of recording.tracks) this.#grow(track.id, track.segments, track.gaps);
        if (!recording.live) this.#followed({ kind: "closed", durationUs: recording.duration_us });
      },
    });
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
        if (this.state.following !== "no") this.#set({ following: "asking" });
        break;
    }
  }

  #grow(trackId: string, segments: SegmentItem[], gaps: Gap[]): void {
    const { recording } = this.state;
    if (!recording.tracks.some((track) => track.id === trackId)) {
      this.#askForTracks();
      return;
    }
    this.#set({ recording: grown(recording, trackId, segments, gaps) });
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
      this.#looks.stop();
      this.#set({ atMs: newestMs });
      void this.#show(newestMs);
    } else if (this.state.waiting) {
      this.#run();
    }
  }

  /** The visitor opened another tab: its track is not known here yet. */
  #askForTracks(): void {
    this.#refetch().then(
      ({ tracks }) => {
        const recording = withTracks(this.state.recording, tracks);
        this.#set({ recording, trackId: this.state.trackId ?? recording.tracks[0]?.id ?? null });
        if (this.#held.first === -1) void this.#show(this.state.atMs);
      },
      (error: unknown) => this.#failed(error),
    );
  }
}
