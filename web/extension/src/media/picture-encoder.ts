/** Encodes pictures: in the device's own hardware where it has it, and begins anew where an encoder gives up. */
import { Chain } from "./chain";
import { recordingClock } from "./clock";
import { frameOf, type Picture } from "./pictures";
import type { Chunk } from "./segment";

export interface PictureFormat {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly description?: string;
}

export interface PictureEncoderEvents {
  /** How the chunks that follow are encoded. */
  format(format: PictureFormat): void;
  chunk(chunk: Chunk): void;
  /** What was under way is gone; it begins anew with the next picture. */
  lost(): void;
  /** This device has nothing to encode with. */
  none(): void;
}

const CANDIDATES: readonly Pick<VideoEncoderConfig, "codec" | "hardwareAcceleration">[] = [
  { codec: "avc1.640028", hardwareAcceleration: "prefer-hardware" },
  { codec: "avc1.42E028", hardwareAcceleration: "prefer-hardware" },
  { codec: "vp09.00.40.08", hardwareAcceleration: "no-preference" },
  { codec: "vp8", hardwareAcceleration: "no-preference" },
];
/** Bits for each pixel of a second; text on a screen rarely needs as much. */
const BITS_PER_PIXEL = 0.7;
const MOST_QUEUED = 20;
/** So many failures of one encoder, and the next kind is tried. */
const FAILURES = 3;
/** What a picture lasts that nothing follows. */
const LAST_MS = 100;

export const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

export function bytesOf(source: AllowSharedBufferSource): Uint8Array {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}

export class PictureEncoder {
  readonly #events: PictureEncoderEvents;
  readonly #keyEveryMs: number;
  readonly #candidates: Pick<VideoEncoderConfig, "codec" | "hardwareAcceleration">[];
  #encoder: VideoEncoder | null = null;
  #size = "";
  #keyAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** One picture after the other: configuring waits. */
  readonly #chain = new Chain(() => this.#failed());
  /** When the encoder last put something out, and took something in. */
  #outAtMs = 0;
  #inAtMs = 0;

  constructor(keyEveryMs: number, events: PictureEncoderEvents) {
    this.#keyEveryMs = keyEveryMs;
    this.#events = events;
    this.#candidates = [...CANDIDATES];
  }

  encode(atMs: number, picture: Picture): void {
    // One picture that cannot be encoded takes nothing with it that comes after.
    void this.#chain.add(() => this.#encode(atMs, picture));
  }

  /** Calls `then` when everything given in so far has come out, and before anything given in later. */
  after(then: () => void): Promise<void> {
    void this.#chain.add(() => this.#flush());
    return this.#chain.add(() => {
      this.#keyAtMs = Number.NEGATIVE_INFINITY;
      then();
    });
  }

  async #flush(): Promise<void> {
    if (this.#encoder?.state !== "configured") return;
    try {
      await this.#encoder.flush();
    } catch {
      this.#failed();
    }
  }

  /** An encoder that swallows everything is not one. Called now and then. */
  watch(nowMs: number): void {
    const isBusy = (this.#encoder?.encodeQueueSize ?? 0) > 0;
    if (isBusy && nowMs - this.#outAtMs > 5000 && nowMs - this.#inAtMs < 5000) this.#failed();
  }

  close(): void {
    if (this.#encoder?.state !== "closed") this.#encoder?.close();
    this.#encoder = null;
  }

  async #encode(atMs: number, picture: Picture): Promise<void> {
    const size = `${picture.width & ~1}x${picture.height & ~1}`;
    if (this.#encoder === null || size !== this.#size) await this.#begin(picture, size);
    const encoder = this.#encoder;
    if (encoder?.state !== "configured" || encoder.encodeQueueSize > MOST_QUEUED) return;
    const keyFrame = atMs - this.#keyAtMs >= this.#keyEveryMs;
    const frame = frameOf(picture, atMs);
    try {
      if (encoder.encodeQueueSize === 0) this.#outAtMs = recordingClock.now();
      this.#inAtMs = recordingClock.now();
      encoder.encode(frame, { keyFrame });
      if (keyFrame) this.#keyAtMs = atMs;
    } catch {
      this.#failed();
    } finally {
      frame.close();
    }
  }

  async #begin(picture: Picture, size: string): Promise<void> {
    await this.#flush();
    this.close();
    const config = await this.#supported(picture.width & ~1, picture.height & ~1);
    this.#size = size;
    if (!config) {
      this.#events.none();
      return;
    }
    const encoder: VideoEncoder = new VideoEncoder({
      output: (chunk, metadata) => this.#put(encoder, chunk, metadata?.decoderConfig),
      error: () => encoder === this.#encoder && this.#failed(),
    });
    encoder.configure(config);
    this.#encoder = encoder;
    this.#keyAtMs = Number.NEGATIVE_INFINITY;
  }

  async #supported(width: number, height: number): Promise<VideoEncoderConfig | null> {
    const bitrate = Math.round(Math.max(250_000, width * height * BITS_PER_PIXEL));
    for (const candidate of [...this.#candidates]) {
      const config: VideoEncoderConfig = {
        ...candidate,
        width,
        height,
        bitrate,
        latencyMode: "realtime",
        contentHint: "text",
        ...(candidate.codec.startsWith("avc1") ? { avc: { format: "avc" } } : {}),
      };
      if ((await VideoEncoder.isConfigSupported(config)).supported) return config;
      this.#candidates.splice(this.#candidates.indexOf(candidate), 1);
    }
    return null;
  }

  #put(from: VideoEncoder, chunk: EncodedVideoChunk, config: VideoDecoderConfig | undefined): void {
    if (from !== this.#encoder) return;
    this.#outAtMs = recordingClock.now();
    if (config) {
      const [width, height] = this.#size.split("x").map(Number);
      const description = config.description ? { description: base64Url(bytesOf(config.description)) } : {};
      this.#events.format({ codec: config.codec, width: width ?? 0, height: height ?? 0, ...description });
    }
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    const durationUs = LAST_MS * 1000;
    this.#events.chunk({ timestampUs: chunk.timestamp, durationUs, key: chunk.type === "key", bytes });
  }

  #failed(): void {
    this.close();
    this.#keyAtMs = Number.NEGATIVE_INFINITY;
    this.#failures += 1;
    if (this.#failures % FAILURES === 0 && this.#candidates.length > 1) this.#candidates.shift();
    this.#events.lost();
  }
}
