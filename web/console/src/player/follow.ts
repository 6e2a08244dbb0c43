/** Listening to a play while it runs: what comes, and whether it may go on. */
import { ApiError } from "../api/client";
import type { Recording } from "../api/types";
import { checkPlay, type Followed, followPlay, type Play } from "./api";

/** A revocation is noticed within this time, whatever the person does. */
const CHECK_EVERY_MS = 5_000;

export interface FollowHooks {
  hear: (what: Followed) => void;
  failed: (error: unknown) => void;
  /** The recording as it is now, where the stream does not say it. */
  refetch: () => Promise<Recording>;
  asked: (recording: Recording) => void;
}

/**
 * The stream of a live recording says everything at once. That of a closed one ends when it has said so; then, and
 * when a stream breaks off for good, the server is asked every five seconds.
 */
export class Follow {
  readonly #stop: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #streaming = true;
  #live: boolean;

  constructor(play: Play, hooks: FollowHooks) {
    this.#live = play.live;
    const after = play.tracks
      .flatMap((track) => track.segments.slice(-1).map((last) => `${track.id}:${last.sequence}`))
      .join(",");
    this.#stop = followPlay(play.id, after, (what) => {
      if (what.kind === "closed") this.#live = false;
      if (what.kind === "closed" || what.kind === "lost") this.#streaming = false;
      hooks.hear(what);
    });
    this.#timer = setInterval(() => {
      if (!this.#streaming) void this.#ask(play, after, hooks);
    }, CHECK_EVERY_MS);
  }

  stop(): void {
    this.#stop();
    clearInterval(this.#timer);
  }

  async #ask(play: Play, after: string, hooks: FollowHooks): Promise<void> {
    try {
      if (this.#live) {
        const recording = await hooks.refetch();
        this.#live = recording.live;
        hooks.asked(recording);
        return;
      }
      const problem = await checkPlay(play.id, after);
      if (problem) hooks.hear({ kind: "revoked", problem });
    } catch (error) {
      // A line that is down for a moment is asked again; a decision is not.
      if (error instanceof ApiError) hooks.failed(error);
    }
  }
}
