/** Following a recording while it happens: it grows, it closes, it is taken back. */
import type { Gap, Problem, Recording, SegmentItem } from "../api/types";
import type { Followed, Play } from "./api";
import { Follow } from "./follow";
import { grown, withTracks } from "./grow";
import type { Picture } from "./picture";
import { trackFor } from "./seek";
import type { PlayerStore } from "./store";

export interface LiveHooks {
  revoked: (problem: Problem) => void;
  failed: (error: unknown) => void;
  /** The recording as it is now, where the stream does not say it. */
  refetch: () => Promise<Recording>;
}

export class Live {
  readonly #store: PlayerStore;
  readonly #picture: Picture;
  readonly #hooks: LiveHooks;
  #follow: Follow | null = null;

  constructor(store: PlayerStore, picture: Picture, hooks: LiveHooks) {
    this.#store = store;
    this.#picture = picture;
    this.#hooks = hooks;
  }

  begin(play: Play): void {
    this.#follow = new Follow(play, {
      hear: (what) => this.#followed(what),
      failed: this.#hooks.failed,
      refetch: this.#hooks.refetch,
      asked: (recording) => {
        if (this.#isClip) return;
        this.#store.set({ recording: withTracks(this.#store.recording, recording.tracks) });
        for (const track of recording.tracks) this.#grow(track.id, track.segments, track.gaps);
        if (!recording.live) this.#followed({ kind: "closed", durationUs: recording.duration_us });
      },
    });
  }

  end(): void {
    this.#follow?.stop();
    this.#follow = null;
  }

  /** Of a clip only its end is heard: what grows lies outside of it. */
  get #isClip(): boolean {
    return this.#store.state.clip !== null;
  }

  #followed(what: Followed): void {
    if (!this.#store.open || (this.#isClip && what.kind !== "revoked")) return;
    switch (what.kind) {
      case "revoked":
        this.#hooks.revoked(what.problem);
        break;
      case "closed":
        this.#store.set({
          recording: { ...this.#store.recording, live: false, duration_us: what.durationUs },
          following: "no",
        });
        if (this.#store.state.wantsPlay && this.#store.state.waiting) this.#picture.run();
        break;
      case "gap":
        this.#grow(what.track, [], [what.gap]);
        break;
      case "segment":
        this.#grow(what.track, [what.segment], []);
        break;
      case "begun":
        if (this.#store.state.following === "asking") this.#store.set({ following: "behind" });
        break;
      case "lost":
        if (this.#store.state.following !== "no") this.#store.set({ following: "asking" });
        break;
    }
  }

  #grow(trackId: string, segments: SegmentItem[], gaps: Gap[]): void {
    const { recording, state } = this.#store;
    const known = recording.tracks.find((track) => track.id === trackId);
    if (!known) {
      this.#askForTracks();
      return;
    }
    const newest = segments.findLast(
      ({ sequence }) => !known.segments.some((segment) => segment.sequence === sequence),
    );
    this.#store.set({ recording: grown(recording, trackId, segments, gaps) });
    if (trackId !== state.trackId) {
      if (newest) void this.#lookAcross(trackId, newest);
      return;
    }
    if (state.following === "edge") this.#store.set({ following: "behind" });
    if (this.#picture.empty) void this.#picture.show(state.atMs);
    else if (newest && state.following !== "no") void this.#keepUp(newest.start_us / 1000);
    else void this.#picture.fill();
  }

  /** Following shows the newest segment as it comes; quiet time and what was missed before it is passed over. */
  async #keepUp(newestMs: number): Promise<void> {
    await this.#picture.fill();
    const { following, wantsPlay, atMs, waiting } = this.#store.state;
    if (following === "no" || !wantsPlay) return;
    if (atMs < newestMs - this.#picture.lagMs) this.#picture.jump(newestMs);
    else if (waiting) this.#picture.run();
  }

  /** Something came of a tab that is not shown: if the visitor did something in it, it is the one to show. */
  async #lookAcross(trackId: string, newest: SegmentItem): Promise<void> {
    try {
      const actedMs = await this.#picture.glance(trackId, newest.sequence);
      const { following, wantsPlay, atMs } = this.#store.state;
      if (actedMs === null || following === "no" || !wantsPlay) return;
      const ms = Math.max(atMs, actedMs);
      if (this.#picture.tabAt(ms) === trackId) this.#picture.jump(ms);
    } catch (error) {
      this.#hooks.failed(error);
    }
  }

  /** The visitor opened another tab: its track is not known here yet. */
  #askForTracks(): void {
    this.#hooks.refetch().then(({ tracks }) => {
      const before = new Set(this.#store.recording.tracks.map(({ id }) => id));
      const recording = withTracks(this.#store.recording, tracks);
      const { trackId: shown, atMs } = this.#store.state;
      const trackId = shown ?? trackFor(recording.tracks, atMs * 1000, null)?.id ?? null;
      this.#store.set({ recording, trackId });
      if (this.#picture.empty) void this.#picture.show(atMs);
      for (const track of tracks) {
        const newest = track.segments.at(-1);
        if (newest && !before.has(track.id) && track.id !== trackId) void this.#lookAcross(track.id, newest);
      }
    }, this.#hooks.failed);
  }
}
