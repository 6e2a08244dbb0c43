/**
 * The picture of a screen, with its sound: a video element of the console's own, fed segment by segment.
 *
 * A recording has one set of tracks for each run of the browser. The moment alone says which of them is shown; sound is
 * opened when somebody turns it on. Times are recording time in milliseconds unless a name says `Us`.
 */
import type { Track } from "../../api/types";
import type { Content } from "../api";
import { gapAt } from "../gaps";
import type { Looks } from "../looks";
import { Picture } from "../picture";
import { keyOf, type Opened, Segments } from "../segments";
import type { PlayerStore } from "../store";
import { Deeds } from "./deeds";
import { ahead, type Held, holds, hop, isWithin, letGo, windowAt } from "./plan";
import { Reel } from "./reel";
import { Sound } from "./sound";
import { type Line, lineOf, SMALL_US, type Stretch, stretchAt, videosOf } from "./stretches";

const TICK_MS = 50;
/** Playing is stopped this long before something begins that may not be shown. */
const STOP_MS = 20;
const IDLE_MS = 3_000;
const AT_ONCE = 4;
/** The element lands on a frame, which is not where it was sent to the microsecond. */
const LANDED_MS = 60;

export class Film extends Picture {
  readonly kind = "video";
  /** Segments come every few seconds, and what has come is played without a break. */
  readonly lagMs = 6_000;
  readonly #deeds: Deeds;
  readonly #sound: Sound;
  #video: HTMLVideoElement | null = null;
  #listening = new AbortController();
  #segments: Segments | null = null;
  #reel: Reel | null = null;
  /** What the reel is of: the picture, and the sound if there is any. */
  #tracks: readonly string[] = [];
  /** What the element holds of each; none while nothing is shown. */
  #held: readonly Held[] = [];
  #load = 0;
  #isWhole = false;
  #filling = false;
  #loading = false;
  /** Where the element is sent, until it shows that. */
  #seekTo: number | null = null;
  #tick: ReturnType<typeof setInterval> | undefined;

  constructor(store: PlayerStore, looks: Looks, failed: (error: unknown) => void) {
    super(store, looks, failed);
    this.#deeds = new Deeds(store, failed);
    this.#sound = new Sound(store, failed);
  }

  /** Connects the element. It may be there before or after the play is. */
  attach = (video: HTMLVideoElement | null): void => {
    this.#listening.abort();
    this.#drop();
    this.#video = video;
    if (!video) return;
    this.#listening = new AbortController();
    const on = (name: keyof HTMLMediaElementEventMap, hear: () => void) =>
      video.addEventListener(name, hear, { signal: this.#listening.signal });
    on("seeked", () => this.#landed());
    on("loadeddata", () => this.#landed());
    on("playing", () => this.store.set({ waiting: false }));
    on("ended", () => this.#advance());
    on("error", () => this.failed(new Error("The browser could not show this part of the recording.")));
    video.addEventListener("resize", () => this.#sized(video), { signal: this.#listening.signal });
    if (this.store.open) void this.show(this.store.state.atMs);
  };

  open(play: string): void {
    const segments: Segments = new Segments(play, () => {
      if (this.#segments === segments) this.store.set({ segments: new Map(segments.states) });
    });
    this.#segments = segments;
    this.#deeds.begin(play);
    this.#sound.begin(segments);
  }

  shut(): void {
    this.leave();
    this.still();
    this.#drop();
    this.#segments?.close();
    this.#segments = null;
    this.#deeds.end();
    this.#sound.end();
  }

  get empty(): boolean {
    return this.#held.length === 0;
  }

  /** The moment alone says which run is shown. */
  change(): void {}
  changeTab(): void {}

  tabAt(atMs: number): string | null {
    return stretchAt(this.#line, atMs * 1000)?.stretch.video.id ?? this.store.state.trackId;
  }

  async glance(trackId: string, sequence: number): Promise<number | null> {
    const track = this.store.recording.tracks.find(({ id }) => id === trackId);
    if (track?.kind === "actions") void this.#deeds.read();
    if (track?.kind === "audio") await this.#heard();
    if (track?.kind !== "video") return null;
    const segment = track.segments.find((each) => each.sequence === sequence);
    return segment ? segment.start_us / 1000 : null;
  }

  /** Sound has come: the picture may have waited for it. */
  async #heard(): Promise<void> {
    await this.fill();
    const { wantsPlay, waiting } = this.store.state;
    if (wantsPlay && waiting) this.run();
  }

  setSpeed(speed: number): void {
    if (this.#video) this.#video.playbackRate = speed;
  }

  setSound(on: boolean): void {
    if (this.#video) this.#video.muted = !on;
    const { atMs, gap } = this.store.state;
    const found = stretchAt(this.#line, atMs * 1000);
    if (this.store.open && !gap && found && !this.#isOf(found.stretch)) void this.show(atMs);
    void this.#sound.read();
  }

  /** The beginning of the newest segment but one: what follows it is there already. */
  edgeMs(): number {
    const runs = videosOf(this.store.recording).map(({ segments }) => segments.at(-2) ?? segments.at(-1));
    return Math.max(0, ...runs.map((segment) => (segment ? segment.start_us / 1000 : 0)));
  }

  protected still(): void {
    clearInterval(this.#tick);
    this.#video?.pause();
  }

  protected rest(): void {
    void this.#deeds.read();
    void this.#sound.read();
  }

  get #line(): Line {
    return lineOf(this.store.recording, this.store.state.sound);
  }

  // ------------------------------------------------------------------ showing a moment

  async show(atMs: number): Promise<void> {
    const { store } = this;
    if (!this.#video || !this.#segments) return;
    this.#seekTo = atMs;
    const line = this.#line;
    const gap = gapAt(line.gaps, atMs * 1000);
    const found = stretchAt(line, atMs * 1000);
    if (gap || !found) {
      // What is on its way belongs to a moment that was left.
      this.#load += 1;
      this.#loading = false;
      this.#seekTo = null;
      if (gap) this.standInGap(gap);
      else this.ended();
      return;
    }
    this.#seekTo = found.atUs / 1000;
    store.set({ trackId: found.stretch.video.id });
    if (!this.#has(found.stretch, found.atUs)) {
      await this.#wind(found.stretch, found.atUs);
      return;
    }
    performance.mark("clerestory:seek-asked");
    this.#video.currentTime = found.atUs / 1e6;
    if (store.state.wantsPlay) this.run();
  }

  /** Whether the element holds a moment of a stretch. */
  #has(stretch: Stretch, atUs: number): boolean {
    const held = tracksOf(stretch).every(({ segments }, n) => holds(segments, this.#held[n] ?? null, atUs));
    return held && this.#isOf(stretch);
  }

  #isOf(stretch: Stretch): boolean {
    const ids = tracksOf(stretch).map(({ id }) => id);
    return this.#reel !== null && ids.join() === this.#tracks.join();
  }

  /** Gives the element what a moment needs, and nothing of what it held. */
  async #wind(stretch: Stretch, atUs: number): Promise<void> {
    const [segments, video] = [this.#segments, this.#video];
    if (!segments || !video) return;
    const load = ++this.#load;
    this.still();
    this.#held = [];
    this.#loading = true;
    this.store.set({ waiting: true });
    const tracks = tracksOf(stretch);
    const windows = tracks.map((track) => windowAt(track.segments, atUs));
    try {
      const opened = await this.#openAll(segments, tracks, windows);
      if (load !== this.#load) return;
      if (this.#anyLost(tracks, windows, opened)) {
        await this.show(atUs / 1000);
        return;
      }
      const contents = opened.map((each) => each.flatMap((one) => ("bytes" in one ? [one] : [])));
      await this.#hand(stretch, contents);
      if (load !== this.#load) return;
      this.#held = windows.map((window) => ({ first: window[0] ?? 0, last: window.at(-1) ?? 0 }));
      this.#loading = false;
      // Picture and sound do not begin at the same moment; where only one is there, the element would wait for ever.
      const at = atUs / 1e6;
      const to = isWithin(video.buffered, at)
        ? at
        : (hop(video.buffered, at, stretch.to_us / 1e6 - at) ?? at);
      this.#seekTo = to * 1000;
      video.currentTime = to;
      this.#landed();
      // Near the end of what it holds, the element shows nothing before it has more, or knows that there is no more.
      void this.fill();
    } catch (error) {
      if (load !== this.#load) return;
      this.#drop();
      this.failed(error);
    } finally {
      if (load === this.#load) this.#loading = false;
    }
  }

  #openAll(
    segments: Segments,
    tracks: readonly Track[],
    windows: readonly (readonly number[])[],
  ): Promise<Opened[][]> {
    const wanted = tracks.map((track, n) =>
      (windows[n] ?? []).flatMap((index) => track.segments[index]?.sequence ?? []),
    );
    const keys = tracks.flatMap(({ id }, n) => (wanted[n] ?? []).map((sequence) => keyOf(id, sequence)));
    segments.giveUp(new Set(this.store.recording.tracks.map(({ id }) => id)), new Set(keys));
    return Promise.all(
      tracks.map(({ id }, n) =>
        Promise.all((wanted[n] ?? []).map((sequence) => segments.open(id, sequence))),
      ),
    );
  }

  /** Notes what did not open. Returns whether anything did not, so that the moment is shown for what it is now. */
  #anyLost(
    tracks: readonly Track[],
    windows: readonly (readonly number[])[],
    opened: readonly (readonly Opened[])[],
  ): boolean {
    const before = this.store.recording;
    let any = false;
    for (const [n, track] of tracks.entries()) {
      for (const [at, one] of (opened[n] ?? []).entries()) {
        if (!("lost" in one)) continue;
        any = true;
        this.lost(track, windows[n]?.[at] ?? 0, one.lost);
      }
    }
    if (any && this.store.recording === before) throw new Error("This part does not open.");
    return any;
  }

  /** Puts a window into an empty reel: the one there is, where it is of the same tracks. */
  async #hand(stretch: Stretch, contents: readonly (readonly Content[])[]): Promise<void> {
    const video = this.#video;
    if (!video) return;
    this.#isWhole = false;
    if (this.#reel && this.#isOf(stretch)) {
      const reel = this.#reel;
      await Promise.all(contents.map((_, n) => reel.remove(n, 0, Number.POSITIVE_INFINITY)));
      await appendAll(reel, contents);
      return;
    }
    const firsts = contents.flatMap((each) => each.find(({ bytes }) => bytes.byteLength > 0) ?? []);
    if (firsts.length < contents.length) throw new Error("Nothing is stored of this moment.");
    this.#reel?.close();
    const reel = new Reel(video);
    this.#reel = reel;
    this.#tracks = tracksOf(stretch).map(({ id }) => id);
    await reel.begin(firsts);
    await appendAll(
      reel,
      contents.map((each, n) => each.filter((one) => one !== firsts[n])),
    );
  }

  /** The element holds nothing any more. */
  #drop(): void {
    this.#load += 1;
    this.#loading = false;
    this.#held = [];
    this.#tracks = [];
    this.#reel?.close();
    this.#reel = null;
  }

  /** The element shows something: where it was sent to, or what it came to by itself. */
  #landed(): void {
    const [video, at] = [this.#video, this.#seekTo];
    if (!video || at === null || video.seeking || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA)
      return;
    if (Math.abs(video.currentTime * 1000 - at) > LANDED_MS) return;
    this.#seekTo = null;
    this.painted(at);
    if (this.store.state.wantsPlay) this.run();
    else {
      this.store.set({ waiting: false });
      void this.fill();
    }
    this.rest();
  }

  #sized(video: HTMLVideoElement): void {
    if (video.videoWidth === 0) return;
    this.store.set({ viewport: { width: video.videoWidth, height: video.videoHeight } });
  }

  // ------------------------------------------------------------------ playing

  run(): void {
    const [video, { state }] = [this.#video, this.store];
    if (!video || state.gap || this.#loading) return;
    const found = stretchAt(this.#line, state.atMs * 1000);
    if (!found || state.atMs >= found.stretch.to_us / 1000 - STOP_MS) {
      this.#reached(state.atMs);
      return;
    }
    if (!this.#has(found.stretch, found.atUs)) {
      // It came only now, or did not come when it was asked for.
      void this.show(state.atMs);
      return;
    }
    // Where the element is sent to has to be shown first; that plays on.
    if (this.#seekTo !== null) return;
    video.muted = !state.sound;
    video.playbackRate = state.speed;
    this.store.set({ waiting: false });
    video.play().catch((error: unknown) => this.#notPlaying(error));
    clearInterval(this.#tick);
    this.#tick = setInterval(() => this.#advance(), TICK_MS);
    void this.fill();
  }

  /** A pause or a seek ends a play that is just beginning; a browser that wants a click first says so. */
  #notPlaying(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (error instanceof DOMException && error.name === "NotAllowedError") {
      this.still();
      this.store.set({
        wantsPlay: false,
        waiting: false,
        trouble: "The browser waits for you to press Play.",
      });
      return;
    }
    this.failed(error);
  }

  /** Until when it plays on from a moment: the end of the stretch it lies in. */
  #untilMs(atMs: number): number {
    return (stretchAt(this.#line, atMs * 1000)?.stretch.to_us ?? 0) / 1000;
  }

  #advance(): void {
    const video = this.#video;
    if (!video || this.#seekTo !== null || !this.store.state.wantsPlay) return;
    // What is asked here is where the playhead was, in case the element has come over the edge meanwhile.
    const untilMs = this.#untilMs(this.store.state.atMs);
    const atMs = Math.min(video.currentTime * 1000, untilMs);
    this.store.set({ atMs });
    if (!video.paused) this.looks.at(atMs);
    if (atMs >= untilMs - STOP_MS || video.ended) {
      this.#reached(untilMs);
      return;
    }
    if (this.#skip(atMs)) return;
    void this.fill();
    if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) this.#starved(video, atMs, untilMs);
  }

  /** The element has nothing to go on with: it waits, or there is a small hole, or what is left is less than it seems. */
  #starved(video: HTMLVideoElement, atMs: number, untilMs: number): void {
    // Within a stretch nothing is missing: what was opened as the newest there was does not know how long it stood.
    const to = hop(video.buffered, video.currentTime, (untilMs - atMs) / 1000);
    if (to !== null) {
      video.currentTime = to;
      return;
    }
    const found = stretchAt(this.#line, atMs * 1000);
    const tracks = found ? tracksOf(found.stretch) : [];
    const came = tracks.every(({ segments }, n) =>
      holds(segments, this.#held[n] ?? null, untilMs * 1000 - 1000),
    );
    if (came && (untilMs - atMs) * 1000 <= SMALL_US) this.#reached(untilMs);
    else this.store.set({ waiting: true });
  }

  /** Playing came to where it may not go on by itself. */
  #reached(untilMs: number): void {
    this.looks.stop();
    this.still();
    const line = this.#line;
    if (!this.store.state.wantsPlay) return;
    const gap = gapAt(line.gaps, untilMs * 1000 + STOP_MS * 1000);
    const next = line.stretches.find(({ from_us }) => from_us >= untilMs * 1000 - 1);
    if (gap) {
      this.store.set({ atMs: gap.from_us / 1000 });
      this.standInGap(gap);
    } else if (next && next.from_us - untilMs * 1000 <= SMALL_US) this.jump(next.from_us / 1000);
    else {
      if (!this.store.recording.live) this.store.set({ atMs: this.store.durationMs });
      this.ended();
    }
  }

  /** Passes over time in which nobody did anything. Where sound is on, somebody may be speaking. */
  #skip(atMs: number): boolean {
    const { skipIdle, following, sound } = this.store.state;
    if (!skipIdle || sound || following !== "no") return false;
    const untilMs = this.#deeds.idleUntil(atMs);
    if (untilMs === null || untilMs - atMs < IDLE_MS) return false;
    this.jump(Math.min(untilMs, this.#untilMs(atMs)) - 400);
    return true;
  }

  // ------------------------------------------------------------------ opening what comes next

  async fill(): Promise<void> {
    if (this.#filling || this.empty) return;
    this.#filling = true;
    const load = this.#load;
    try {
      while (load === this.#load && (await this.#more(load)));
    } catch (error) {
      if (load === this.#load) this.failed(error);
    } finally {
      this.#filling = false;
      // Another window was begun meanwhile, and was told that this one was at it.
      if (load !== this.#load) void this.fill();
    }
  }

  /** Opens a few segments of each track and hands them over. Returns whether there may be more. */
  async #more(load: number): Promise<boolean> {
    const [reel, segments] = [this.#reel, this.#segments];
    const tracks = this.#tracks.flatMap(
      (id) => this.store.recording.tracks.find((track) => track.id === id) ?? [],
    );
    if (!reel || !segments || tracks.length < this.#tracks.length) return false;
    const { atMs, speed } = this.store.state;
    const batches = tracks.map((track, n) => {
      const held = this.#held[n];
      return held ? ahead(track.segments, held, atMs * 1000, speed, AT_ONCE) : [];
    });
    if (batches.every((batch) => batch.length === 0)) {
      await this.#settle(reel, tracks, atMs);
      return false;
    }
    const opened = await Promise.all(
      tracks.map(({ id, segments: all }, n) =>
        Promise.all((batches[n] ?? []).flatMap((index) => segments.open(id, all[index]?.sequence ?? 0))),
      ),
    );
    if (load !== this.#load) return false;
    this.#isWhole = false;
    this.#anyLost(tracks, batches, opened);
    const contents = opened.map((each) => each.flatMap((one) => ("bytes" in one ? [one] : [])));
    await appendAll(reel, contents);
    if (load !== this.#load) return false;
    this.#held = this.#held.map((held, n) => ({ ...held, last: batches[n]?.at(-1) ?? held.last }));
    void this.#sound.read();
    return true;
  }

  /** Lets go of what is long past, and says when everything has been given. */
  async #settle(reel: Reel, tracks: readonly Track[], atMs: number): Promise<void> {
    for (const [n, track] of tracks.entries()) {
      const held = this.#held[n];
      const left = held ? letGo(track.segments, held, atMs * 1000) : null;
      if (!left) continue;
      this.#held = this.#held.map((each, at) => (at === n ? left.held : each));
      this.#isWhole = false;
      await reel.remove(n, 0, left.beforeUs);
    }
    const isLast = tracks.every(({ segments }, n) => this.#held[n]?.last === segments.length - 1);
    if (!isLast || this.#isWhole || this.store.recording.live) return;
    this.#isWhole = true;
    await reel.end();
  }
}

const tracksOf = ({ video, audio }: Stretch): Track[] => (audio ? [video, audio] : [video]);

async function appendAll(reel: Reel, contents: readonly (readonly Content[])[]): Promise<void> {
  await Promise.all(
    contents.map(async (each, n) => {
      for (const content of each) await reel.append(n, content);
    }),
  );
}
