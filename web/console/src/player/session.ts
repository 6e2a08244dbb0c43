/**
 * One person watching one recording: the play is begun and ended here, and everything the page can ask for.
 *
 * The picture is in `picture.ts`, what is being looked at in `looks.ts`, following in `live.ts`; all share one store. Times are recording time, in milliseconds unless a name says `Us`.
 */
import { ApiError } from "../api/client";
import type { Gap, Problem, Recording, Track } from "../api/types";
import { endPlay, leavePlay, type Play, startClipPlay, startPlay } from "./api";
import { clipped, type Marked, markFrom, markTo, NOTHING_MARKED } from "./clip";
import { Film } from "./film/film";
import { stepFrom } from "./lane";
import { Live } from "./live";
import { Looks } from "./looks";
import { Replay } from "./replay";
import { trackFor } from "./seek";
import type { Phase, PlayerState } from "./state";
import { SPEEDS } from "./state";
import { PlayerStore } from "./store";
import { addRange, total } from "./watched";

/** Playing stops this long before the end of a clip, not to come over it. */
const END_MS = 30;

export class PlaySession {
  readonly #store: PlayerStore;
  readonly #looks: Looks;
  /** What is shown, by what was recorded: whoever draws the stage connects it. */
  readonly picture: Replay | Film;
  readonly #live: Live;
  /** The clip that is to be played alone, or null. */
  readonly clip: string | null;
  /** The recording as it is known outside of a play of a clip. */
  #whole: Recording;
  /** The page has been left; what still answers is ended at once. */
  #gone = false;

  /** `named` is the moment the address names, or null: then playing begins by itself. */
  constructor(
    recording: Recording,
    named: number | null,
    refetch: () => Promise<Recording>,
    clip: string | null = null,
  ) {
    const store = new PlayerStore(sealed(recording, named));
    this.clip = clip;
    this.#whole = recording;
    store.subscribe(() => this.#heedEnd());
    const failed = (error: unknown) => this.#failed(error);
    this.#store = store;
    this.#looks = new Looks((range) => store.set({ watched: addRange(store.state.watched, range) }));
    const Kind = recording.source === "screen" ? Film : Replay;
    this.picture = new Kind(store, this.#looks, failed);
    this.#live = new Live(store, this.picture, {
      revoked: (problem) => this.#revoke(problem),
      failed,
      refetch,
    });
  }

  get state(): PlayerState {
    return this.#store.state;
  }

  get subscribe(): PlayerStore["subscribe"] {
    return this.#store.subscribe;
  }

  get track(): Track | null {
    return this.#store.track;
  }

  /** What is missing of what is played. */
  get gaps(): readonly Gap[] {
    const { fromMs } = this.#store;
    return this.#store.gaps.filter(({ to_us }) => to_us > fromMs * 1000);
  }

  /** The recording, also where only a clip of it is played. */
  get whole(): Recording {
    return this.state.clip ? this.#whole : this.state.recording;
  }

  get watchedUs(): number {
    return total(this.state.watched);
  }

  // ------------------------------------------------------------------ beginning and ending

  /** Newer knowledge of the recording, while nothing is open. */
  renew(recording: Recording): void {
    if (this.#store.open) return;
    const trackId =
      this.state.trackId ?? trackFor(recording.tracks, this.state.atMs * 1000, null)?.id ?? null;
    this.#whole = recording;
    this.#store.set({ recording, trackId });
  }

  begin = async (reason?: string, follow = false): Promise<void> => {
    performance.mark("clerestory:play-asked");
    const { phase } = this.state;
    this.#store.set({ phase: phase.kind === "reason" ? { ...phase, busy: true } : { kind: "beginning" } });
    try {
      const why = reason ? { reason } : {};
      const play = await (this.clip === null
        ? startPlay(this.state.recording.id, { ...why, ...(follow ? { follow } : {}) })
        : startClipPlay(this.clip, why));
      if (this.#gone) {
        leavePlay(play.id, [], false);
        return;
      }
      this.#opened(play, reason ?? null, follow);
    } catch (error) {
      this.#store.set({ phase: phaseOf(error) });
    }
  };

  #opened(play: Play, reason: string | null, follow: boolean): void {
    this.picture.open(play.id);
    const clip = play.clip ?? null;
    const all = {
      ...this.state.recording,
      tracks: play.tracks,
      duration_us: Math.max(play.duration_us, this.state.recording.duration_us),
      live: play.live,
    };
    const recording = clip ? clipped(all, clip) : all;
    const live = follow && play.live && clip === null;
    this.#store.set({ recording, clip });
    const atMs = live ? this.picture.edgeMs() : this.#beginsAt();
    this.#store.set({
      phase: { kind: "open", play, since: new Date().toISOString(), reason },
      trackId: trackFor(play.tracks, atMs * 1000, this.state.trackId)?.id ?? null,
      following: live ? "behind" : "no",
      wantsPlay: live || this.state.wantsPlay,
      watched: [],
      atMs,
    });
    this.#looks.begin(play.id, (error) => this.#failed(error));
    this.#live.begin(play);
    void this.picture.show(atMs);
  }

  /** The moment the address names, or the beginning; of a clip nothing outside of it. */
  #beginsAt(): number {
    const { fromMs, durationMs } = this.#store;
    const { atMs, clip } = this.state;
    return clip && (atMs < fromMs || atMs >= durationMs) ? fromMs : atMs;
  }

  /** A clip ends where it was marked, in the middle of whatever goes on there. */
  #heedEnd(): void {
    const { clip, wantsPlay, atMs } = this.state;
    if (!clip || !wantsPlay || !this.#store.open || atMs < clip.to_ms - END_MS) return;
    this.pause();
    this.#store.set({ atMs: Math.min(clip.to_ms, this.#store.durationMs) });
  }

  /** Ends watching: the picture goes, what was watched is told, then the end. */
  end = async (): Promise<void> => {
    const { phase } = this.state;
    if (phase.kind !== "open") return;
    this.#looks.stop();
    this.#shut({ kind: "ended", by: "you" });
    await this.#tell(() => this.#looks.report(phase.play.id), "What was watched last could not be told.");
    // It ends by itself on the server; what matters is that the picture is gone and the reader knows.
    await this.#tell(
      () => endPlay(phase.play.id),
      "The end could not be told to the server. The play runs out there by itself.",
    );
  };

  /** Last words of a play. That it is over already is no trouble. */
  async #tell(what: () => Promise<void>, trouble: string): Promise<void> {
    try {
      await what();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 403)) this.#store.set({ trouble });
    }
  }

  /** The page is there (again): the browser may bring back one that was left. */
  arrive = (): void => {
    this.#gone = false;
  };

  /** The player is left; with the event where the whole page is going away. */
  leave = (pageHides?: Event): void => {
    this.#gone = true;
    const { phase } = this.state;
    if (phase.kind !== "open") return;
    this.#looks.stop();
    leavePlay(phase.play.id, this.#looks.take(), pageHides !== undefined);
    this.#shut({ kind: "ended", by: "you" });
  };

  #shut(phase: Phase): void {
    this.picture.shut();
    this.#live.end();
    this.#looks.end();
    this.#store.set({
      phase,
      picture: false,
      wantsPlay: false,
      waiting: false,
      segments: new Map(),
      marks: [],
      peaks: [],
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
    if (!this.#store.open) return;
    if (error instanceof ApiError && (error.status === 403 || error.status === 404 || error.status === 401)) {
      if (error.slug === "play-ended") this.#shut({ kind: "ended", by: "time" });
      else this.#revoke(error.problem);
      return;
    }
    const trouble = error instanceof Error ? error.message : "Segments could not be read.";
    this.#store.set({ trouble, waiting: false });
    this.pause();
  }

  // ------------------------------------------------------------------ moving

  seek = (ms: number): void => this.picture.goTo(ms);

  play = (): void => {
    if (!this.#store.open) return;
    const { atMs, recording, gap } = this.state;
    const atEnd = atMs >= this.#store.durationMs - 50 && !recording.live;
    this.#store.set({ wantsPlay: true, trouble: null });
    if (atEnd) this.seek(this.#store.fromMs);
    else if (gap) this.passGap();
    else this.picture.run();
  };

  pause = (): void => {
    this.#store.set({ wantsPlay: false, waiting: false });
    this.picture.pause();
  };

  toggle = (): void => {
    if (this.state.wantsPlay) this.pause();
    else this.play();
  };

  setSpeed = (speed: number): void => {
    this.#store.set({ speed });
    this.picture.setSpeed(speed);
  };

  changeSpeed = (by: 1 | -1): void => {
    const speeds: readonly number[] = SPEEDS;
    const index = speeds.indexOf(this.state.speed) + by;
    const speed = speeds[Math.max(0, Math.min(speeds.length - 1, index))];
    if (speed !== undefined) this.setSpeed(speed);
  };

  setSound = (sound: boolean): void => {
    this.#store.set({ sound });
    this.picture.setSound(sound);
  };

  setSkipIdle = (skipIdle: boolean): void => this.#store.set({ skipIdle });

  stepTo = (by: 1 | -1): void => {
    const mark = stepFrom(this.state.marks, this.state.atMs, by);
    if (mark) this.seek(mark.atMs);
  };

  /** Shows one tab, whatever the visitor did in others. */
  chooseTrack = (trackId: string): void => {
    this.#store.set({ tab: "chosen" });
    if (trackId === this.state.trackId) return;
    this.picture.change(trackId);
    this.#store.set({ picture: false });
    this.seek(this.state.atMs);
  };

  /** Shows the tab the visitor was in. */
  followVisitor = (): void => {
    this.#store.set({ tab: "visitor" });
    this.picture.changeTab();
  };

  /** Goes on behind a gap. */
  passGap = (): void => this.picture.passGap();

  /** Marks the beginning or the end of a part at the playhead. */
  mark = (end: "from" | "to"): void => {
    const { marked, atMs } = this.state;
    this.setMarked(end === "from" ? markFrom(marked, atMs) : markTo(marked, atMs));
  };

  setMarked = (marked: Marked): void => this.#store.set({ marked });

  goLive = (): void => {
    const atMs = this.picture.edgeMs();
    this.#store.set({ following: "behind", wantsPlay: true, atMs, gap: null });
    void this.picture.show(atMs);
  };
}

/** What is known before anything is open. */
function sealed(recording: Recording, named: number | null): PlayerState {
  const atMs = named ?? 0;
  return {
    phase: { kind: "sealed" },
    recording,
    trackId: trackFor(recording.tracks, atMs * 1000, null)?.id ?? null,
    tab: "visitor",
    atMs: Math.min(atMs, recording.duration_us / 1000),
    wantsPlay: named === null,
    waiting: false,
    speed: 1,
    skipIdle: true,
    sound: false,
    peaks: [],
    viewport: null,
    picture: false,
    segments: new Map(),
    marks: [],
    gap: null,
    following: "no",
    watched: [],
    trouble: null,
    clip: null,
    marked: NOTHING_MARKED,
  };
}

/** Why a play did not begin. */
function phaseOf(error: unknown): Phase {
  if (!(error instanceof ApiError)) return { kind: "failed", error };
  if (error.slug === "reason-required") return { kind: "reason", problem: error.problem, busy: false };
  return error.status === 403 ? { kind: "refused", error } : { kind: "failed", error };
}
