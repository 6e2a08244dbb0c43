/**
 * The console's end of the port to the player page (web/player/README.md is the protocol).
 * What comes back is parsed: the page draws hostile recordings and is not believed blindly.
 */
import * as v from "valibot";

export interface SegmentMessage {
  sequence: number;
  start_us: number;
  bytes?: ArrayBuffer;
  events?: readonly unknown[];
}

export type ToPlayer =
  | {
      type: "load";
      load: number;
      at_ms: number;
      play: boolean;
      speed: number;
      until_ms: number | null;
      earliest: boolean;
      segments: SegmentMessage[];
    }
  | { type: "append"; load: number; segments: SegmentMessage[] }
  | { type: "seek"; at_ms: number }
  | { type: "play"; speed: number; until_ms: number | null }
  | { type: "pause" }
  | { type: "speed"; speed: number }
  | { type: "resize" }
  | { type: "reset" };

const FromPlayer = v.variant("type", [
  v.object({ type: v.literal("ready"), version: v.number() }),
  v.object({ type: v.literal("size"), width: v.number(), height: v.number() }),
  v.object({ type: v.literal("painted"), load: v.number(), at_ms: v.number(), took_ms: v.number() }),
  v.object({ type: v.literal("position"), load: v.number(), at_ms: v.number(), playing: v.boolean() }),
  v.object({ type: v.literal("reached"), at_ms: v.number() }),
  v.object({ type: v.literal("outside"), at_ms: v.number() }),
  v.object({ type: v.literal("needs"), load: v.number(), before_ms: v.number() }),
  v.object({ type: v.literal("made_inert"), load: v.number(), removed: v.record(v.string(), v.number()) }),
  v.object({ type: v.literal("error"), message: v.string() }),
]);
export type FromPlayer = v.InferOutput<typeof FromPlayer>;

export class PlayerChannel {
  readonly #port: MessagePort;
  readonly #listeners = new Set<(message: FromPlayer) => void>();

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = (event) => {
      const parsed = v.safeParse(FromPlayer, event.data);
      if (!parsed.success) return;
      for (const listener of this.#listeners) listener(parsed.output);
    };
  }

  send(message: ToPlayer): void {
    this.#port.postMessage(message);
  }

  /** Hears what the page says. Returns what stops it. */
  listen(listener: (message: FromPlayer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#port.close();
    this.#listeners.clear();
  }
}
