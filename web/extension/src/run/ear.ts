/** What is heard, for as long as the policy allows sound. Once it did not, a recording stays silent to its end. */
import type { Run } from "../spool/spool";
import type { Sources } from "./sources";

export interface Listening {
  stop(): Promise<void>;
}

const NOTHING: Sources["hears"] = { page: false, microphone: false };

/** Whether what a tab plays that is not captured can be heard: in the system's sound, or through the microphone. */
export const hearsOthers = ({ surface }: Pick<Run, "surface">, hears: Sources["hears"]): boolean =>
  hears.microphone || (hears.page && surface !== "tab");

export class Ear {
  readonly #sources: Pick<Sources, "sounds" | "hears">;
  #listening: Listening | null;

  /** `listen` is called only where there is something to hear, and it is allowed. */
  constructor(sources: Pick<Sources, "sounds" | "hears">, isAllowed: boolean, listen: () => Listening) {
    this.#sources = sources;
    this.#listening = isAllowed && sources.sounds.length > 0 ? listen() : null;
    if (!this.#listening) this.#release();
  }

  get hears(): Sources["hears"] {
    return this.#listening ? this.#sources.hears : NOTHING;
  }

  /** New rules. What was taken under the old ones and still waits is not let through by whoever asks `hears`. */
  follow(isAllowed: boolean): Promise<void> {
    return isAllowed ? Promise.resolve() : this.stop();
  }

  async stop(): Promise<void> {
    const listening = this.#listening;
    this.#listening = null;
    this.#release();
    await listening?.stop();
  }

  #release(): void {
    for (const { stream } of this.#sources.sounds) for (const track of stream.getTracks()) track.stop();
  }
}
