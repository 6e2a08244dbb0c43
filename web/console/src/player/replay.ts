/**
 * The picture of a recorded document: which segments the player page holds, what it is told to show, what it says.
 *
 * Times are recording time in milliseconds unless a name says `Us`.
 */
import type { Track } from "../api/types";
import type { FromPlayer, PlayerChannel, SegmentMessage } from "./channel";
import { gapAt, gapUpTo } from "./gaps";
import { handed } from "./grow";
import { idleUntil } from "./lane";
import type { Looks } from "./looks";
import { Picture } from "./picture";
import { Reading } from "./reading";
import { endOf, planWindow, playableUntil, segmentAt } from "./seek";
import { Segments } from "./segments";
import type { PlayerStore } from "./store";
import { tabAt } from "./tabs";

/** How far ahead of the playhead segments are opened, in milliseconds of the viewer's time. */
const AHEAD_MS = 30_000;
const IDLE_MS = 3_000;
const AT_ONCE = 4;

const NONE = { first: -1, last: -1 };

export class Replay extends Picture {
  readonly kind = "page";
  readonly lagMs = 300;
  readonly #reading: Reading;
  #channel: PlayerChannel | null = null;
  #segments: Segments | null = null;
  #load = 0;
  /** The indices of the segments the player page holds: from the first to the last handed over. */
  #held = NONE;
  #untilMs = 0;
  /** Where the picture is sent, until that is painted: whatever the page says before was said about another place. */
  #seekTo: number | null = null;
  #filling = false;
  /** A window is on its way to the page. */
  #loading = false;

  constructor(store: PlayerStore, looks: Looks, failed: (error: unknown) => void) {
    super(store, looks, failed);
    this.#reading = new Reading(store, {
      lost: (track, index, reason) => this.lost(track, index, reason),
      failed,
      held: (index) => index >= this.#held.first && index <= this.#held.last,
      done: () => {
        if (!this.store.state.gap) this.changeTab();
      },
    });
  }

  /** Connects the picture. The page may be ready before or after the play is. */
  attach = (channel: PlayerChannel): void => {
    this.#channel = channel;
    channel.listen((message) => this.#hear(message));
    this.#held = NONE;
    if (this.store.open) void this.show(this.store.state.atMs);
  };

  /** A play was begun: its segments may be opened. */
  open(play: string): void {
    const segments: Segments = new Segments(play, () => {
      if (this.#segments === segments) this.store.set({ segments: new Map(segments.states) });
    });
    this.#segments = segments;
    this.#reading.begin(segments);
  }

  /** The picture goes at once, and every opened segment with it. */
  shut(): void {
    this.#channel?.send({ type: "reset" });
    this.#segments?.close();
    this.#segments = null;
    this.#reading.end();
    this.#held = NONE;
    this.#loading = false;
    this.#load += 1;
    this.leave();
  }

  /** Whether the player page holds anything to show. */
  get empty(): boolean {
    return this.#held.first === -1;
  }

  /** Another track is to be shown. */
  change(trackId: string): void {
    this.#channel?.send({ type: "pause" });
    this.store.set({ trackId });
    this.#held = NONE;
    this.#loading = false;
    this.#load += 1;
  }

  /** Shows the tab the visitor was in, if that is another and none was chosen. */
  changeTab(): void {
    const { atMs } = this.store.state;
    if (!this.#rightTab(atMs)) return;
    this.looks.stop();
    this.store.set({ gap: null });
    void this.show(atMs);
  }

  /** The track to show at a moment: the chosen one, or the tab the visitor was in. */
  tabAt(atMs: number): string | null {
    const { recording, state, open } = this.store;
    if (state.tab === "chosen" || !open) return state.trackId;
    const growing = state.following !== "no";
    const tab = tabAt(recording.tracks, atMs * 1000, this.#reading.signs, state.trackId, growing);
    return tab?.id ?? state.trackId;
  }

  /** Turns to the tab the visitor was in at a moment. Returns whether it is another. */
  #rightTab(atMs: number): boolean {
    const tab = this.tabAt(atMs);
    if (tab === null || tab === this.store.state.trackId) return false;
    this.change(tab);
    return true;
  }

  /** Reads a segment of a tab that is not shown. Returns a moment at which it may be the one to show, or null. */
  async glance(trackId: string, sequence: number): Promise<number | null> {
    return this.#reading.glance(trackId, sequence);
  }

  protected still(): void {
    this.#channel?.send({ type: "pause" });
  }

  protected rest(): void {
    void this.#reading.backfill();
  }

  setSpeed(speed: number): void {
    this.#channel?.send({ type: "speed", speed });
  }

  /** A recorded document makes no sound. */
  setSound(): void {}

  /** The end of the last segment there is. */
  edgeMs(): number {
    const lasts = this.store.recording.tracks.map((track) => track.segments.at(-1));
    return Math.max(0, ...lasts.map((last) => (last ? endOf(last) / 1000 : 0)));
  }

  /** Shows a moment: from what the page holds, or by handing over a window anew. */
  async show(atMs: number, before?: number): Promise<void> {
    if (before === undefined) this.#rightTab(atMs);
    const { track, gaps } = this.store;
    if (!track || !this.#channel || !this.#segments) return;
    this.#seekTo = atMs;
    const gap = gapAt(gaps, atMs * 1000);
    if (gap) {
      this.standInGap(gap);
      return;
    }
    const index = segmentAt(track.segments, atMs * 1000);
    const { first, last } = this.#held;
    if (before === undefined && first !== -1 && index >= first && index <= last) {
      performance.mark("clerestory:seek-asked");
      this.#untilMs = this.#until(track, last, atMs);
      this.#channel.send({ type: "seek", at_ms: atMs });
      if (this.store.state.wantsPlay) this.run();
      return;
    }
    await this.#reload(track, atMs, before);
  }

  async #reload(track: Track, atMs: number, before?: number): Promise<void> {
    const plan = planWindow(track.segments, atMs * 1000, before);
    const segments = this.#segments;
    if (!plan || !segments) return;
    const load = ++this.#load;
    this.#held = NONE;
    this.#loading = true;
    this.store.set({ waiting: true });
    try {
      const wanted = track.segments.slice(plan.first, plan.target + 1);
      // The keyframe is asked for first; the rest of the window follows on the same connection, side by side.
      const opened = await Promise.all(wanted.map((segment) => segments.open(track.id, segment.sequence)));
      if (load !== this.#load) return;
      this.#loading = false;
      const { messages, lost } = handed(wanted, opened);
      const target = segmentAt(track.segments, atMs * 1000);
      if (lost && plan.first + lost.offset <= target) {
        // What an earlier keyframe was asked for, for its sake, cannot be shown without it.
        this.lost(track, before === undefined ? plan.first + lost.offset : target, lost.reason);
        const gap = gapUpTo(this.store.gaps, atMs * 1000);
        if (gap) this.standInGap(gap);
        else this.failed(new Error("This part does not open."));
        return;
      }
      if (lost) this.lost(track, plan.first + lost.offset, lost.reason);
      this.#hand(track, plan.first, plan.earliest, messages, atMs);
    } catch (error) {
      if (load !== this.#load) return;
      this.#loading = false;
      this.failed(error);
    }
  }

  #hand(track: Track, first: number, earliest: boolean, segments: SegmentMessage[], atMs: number): void {
    const { wantsPlay, speed } = this.store.state;
    this.#held = { first, last: first + segments.length - 1 };
    this.#untilMs = this.#until(track, this.#held.last, atMs);
    this.#channel?.send({
      type: "load",
      load: this.#load,
      at_ms: atMs,
      play: wantsPlay,
      speed,
      until_ms: this.#untilMs,
      earliest,
      segments,
    });
    this.#read(track, first, segments);
  }

  #read(track: Track, first: number, segments: readonly SegmentMessage[]): void {
    for (const [offset, { bytes }] of segments.entries()) {
      if (bytes) this.#reading.read(track, first + offset, bytes);
    }
  }

  #until(track: Track, last: number, fromMs: number): number {
    const { recording, gaps } = this.store;
    const durationUs = recording.live ? 0 : recording.duration_us;
    return playableUntil(track.segments, gaps, last, fromMs * 1000, durationUs) / 1000;
  }

  /** Plays on, if there is anything to play on. */
  run(): void {
    const { track, state } = this.store;
    if (!track || state.gap) return;
    if (this.empty) {
      // What was to be shown did not come: it is asked for again.
      if (!this.#loading) void this.show(state.atMs);
      return;
    }
    this.#untilMs = this.#until(track, this.#held.last, state.atMs);
    if (state.atMs >= this.#untilMs - 1) {
      this.#reached(this.#untilMs);
      return;
    }
    this.store.set({ waiting: false });
    this.#channel?.send({ type: "play", speed: state.speed, until_ms: this.#untilMs });
    void this.fill();
  }

  /** Opens what comes next and hands it over, so that playing does not have to wait. */
  async fill(): Promise<void> {
    const { track } = this.store;
    const segments = this.#segments;
    if (this.#filling || !track || !segments || this.empty) return;
    this.#filling = true;
    try {
      while (this.#segments === segments && this.store.track?.id === track.id) {
        const from = this.#held.last + 1;
        const batch = this.#ahead(this.store.track, from);
        if (batch.length === 0) return;
        const load = this.#load;
        const opened = await Promise.all(batch.map((segment) => segments.open(track.id, segment.sequence)));
        if (load !== this.#load || this.#segments !== segments) return;
        const { messages, lost } = handed(batch, opened);
        if (lost) this.lost(track, from + lost.offset, lost.reason);
        if (messages.length === 0) return;
        this.#held = { ...this.#held, last: from + messages.length - 1 };
        this.#channel?.send({ type: "append", load, segments: messages });
        this.#read(track, from, messages);
        if (this.store.state.wantsPlay) this.run();
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.#filling = false;
    }
  }

  /** The segments to open next, if the playhead is near enough. */
  #ahead(track: Track, from: number) {
    const { atMs, speed } = this.store.state;
    const next = track.segments[from];
    if (!next || next.start_us / 1000 > atMs + AHEAD_MS * Math.max(1, speed)) return [];
    return track.segments.slice(from, from + AT_ONCE);
  }

  /** Playing came to where it may not go on by itself. */
  #reached(atMs: number): void {
    this.looks.stop();
    this.store.set({ atMs });
    const { track, state } = this.store;
    if (!track || !state.wantsPlay) return;
    // Where one tab has nothing more, another may go on.
    if (this.#rightTab(atMs + 1)) {
      this.jump(atMs + 1);
      return;
    }
    const gap = gapAt(this.store.gaps, atMs * 1000);
    if (gap) {
      this.standInGap(gap);
      return;
    }
    if (this.#held.last < track.segments.length - 1) {
      this.store.set({ waiting: true });
      void this.fill();
      return;
    }
    this.ended();
  }

  // ------------------------------------------------------------------ what the page says

  #hear(message: FromPlayer): void {
    if (!this.store.open) return;
    switch (message.type) {
      case "size":
        this.store.set({ viewport: { width: message.width, height: message.height } });
        return;
      case "painted":
        this.#painted(message.at_ms);
        return;
      case "position":
        if (message.load === this.#load) this.#moved(message.at_ms, message.playing);
        return;
      case "reached":
        if (this.#seekTo === null) this.#reached(message.at_ms);
        return;
      case "outside":
        this.#missing(message.at_ms, false);
        return;
      case "needs":
        this.#missing(message.before_ms, true);
        return;
      case "error":
        this.store.set({ trouble: `Part of the picture could not be drawn: ${message.message}` });
        return;
      case "ready":
      case "made_inert":
        return;
    }
  }

  /** The page holds no document for a moment: it gets another window, from an earlier keyframe where that is why. */
  #missing(atMs: number, needs: boolean): void {
    const { track } = this.store;
    if (!track) return;
    const first = planWindow(track.segments, atMs * 1000)?.first ?? 0;
    const earlier = needs && this.#held.first === first;
    void this.#reload(track, atMs, earlier ? first - 1 : undefined);
  }

  #painted(atMs: number): void {
    if (atMs === this.#seekTo) this.#seekTo = null;
    this.painted(atMs);
    if (this.store.state.wantsPlay) this.run();
    else void this.fill();
    void this.#reading.backfill();
  }

  #moved(atMs: number, playing: boolean): void {
    if (this.#seekTo !== null) return;
    this.store.set({ atMs });
    if (!playing) return;
    this.looks.at(atMs);
    if (this.#rightTab(atMs)) {
      this.looks.stop();
      void this.show(atMs);
      return;
    }
    const { skipIdle, following } = this.store.state;
    if (skipIdle && following === "no") this.#skip(atMs);
    void this.fill();
  }

  #skip(atMs: number): void {
    const next = idleUntil(this.#reading.active, atMs, this.#untilMs, IDLE_MS);
    if (next === null || next - 400 <= atMs) return;
    this.jump(next - 400);
  }
}
