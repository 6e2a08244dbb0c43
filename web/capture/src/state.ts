/** What `window.clerestory` tells the page. */

export type Phase =
  /** Waiting for the core, the server or the policy. */
  | "starting"
  | "capturing"
  /** Nothing is captured now; it goes on by itself (`reason`: `url-denied`, `policy-stale`). */
  | "paused"
  /** `stop()` was called. Nothing is captured or sent until `start()`. */
  | "stopped"
  /** Nothing to do on this page, or not allowed. */
  | "refused"
  | "failed"
  | "preview";

export interface State {
  readonly phase: Phase;
  readonly reason: string | null;
}

export interface StopOptions {
  /** Send what was captured so far instead of throwing it away. */
  readonly flush?: boolean;
}

export interface ClerestoryApi {
  state: State;
  stop(options?: StopOptions): void;
  start(): void;
  discard(): void;
}

/** What the loader leaves for the core: where it came from, and calls made before the core was there. */
export interface Boot {
  readonly host: string;
  readonly site: string;
  readonly key: string;
  readonly calls: (readonly ["stop" | "start" | "discard", StopOptions | undefined])[];
}

declare global {
  interface Window {
    clerestory?: ClerestoryApi & { boot?: Boot };
  }
}
