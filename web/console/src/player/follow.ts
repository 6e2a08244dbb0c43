/** Listening to a play while it runs: what comes, and whether it may go on. */
import { ApiError } from "../api/client";
import type { Recording, Track } from "../api/types";
import { checkPlay, type Followed, followPlay, type Play } from "./api";

/** A revocation is noticed within this time, whatever the person does. */
const CHECK_EVERY_MS = 5_000;
/** A stream that has said nothing for this long is opened anew: a line can die without anybody being told. */
const QUIET_MS = 20_000;

export interface FollowHooks {
  hear: (what: Followed) => void;
  failed: (error: unknown) => void;
  /** The recording as it is now, where the stream does not say it. */
  refetch: () => Promise<Recording>;
  asked: (recording: Recording) => void;
}

/**
 * The stream of a live recording says everything at once. That of a closed one ends when it has said so; then, and
 * while a stream is broken off, the server is asked every five seconds, and a live one is listened to again as soon
 * as it answers.
 */
export class Follow {
  readonly #play: Play;
  readonly #hooks: FollowHooks;
  readonly #timer: ReturnType<typeof setInterval>;
  #hangUp: () => void = () => undefined;
  #streaming = false;
  #heardAt = 0;
  #asking = false;
  #stopped = false;
  #live: boolean;
  #after: string;

  constructor(play: Play, hooks: FollowHooks) {
    this.#play = play;
    this.#hooks = hooks;
    this.#live = play.live;
    this.#after = after(play.tracks);
    this.#listen();
    this.#timer = setInterval(() => this.#look(), CHECK_EVERY_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#hangUp();
    clearInterval(this.#timer);
  }

  #listen(): void {
    this.#hangUp();
    this.#streaming = true;
    this.#heardAt = Date.now();
    this.#hangUp = followPlay(this.#play.id, this.#after, (what) => {
      this.#heardAt = Date.now();
      if (what.kind === "closed") this.#live = false;
      if (what.kind === "closed" || what.kind === "lost") this.#streaming = false;
      this.#hooks.hear(what);
    });
  }

  #look(): void {
    if (!this.#streaming) void this.#ask();
    else if (this.#live && Date.now() - this.#heardAt > QUIET_MS) void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      if (this.#live) {
        const recording = await this.#hooks.refetch();
        if (this.#stopped) return;
        this.#live = recording.live;
        this.#after = after(recording.tracks);
        this.#hooks.asked(recording);
      }
      const problem = await checkPlay(this.#play.id, this.#after, this.#live);
      if (this.#stopped) return;
      if (problem) this.#hooks.hear({ kind: "revoked", problem });
      else if (this.#live) this.#listen();
    } catch (error) {
      // A line that is down for a moment is asked again; a decision is not.
      if (!this.#stopped && error instanceof ApiError && error.status < 500) this.#hooks.failed(error);
    } finally {
      this.#asking = false;
    }
  }
}

/** The last segment of each track, as the stream is told what is known already. */
const after = (tracks: readonly Track[]): string =>
  tracks.flatMap((track) => track.segments.slice(-1).map((last) => `${track.id}:${last.sequence}`)).join(",");
