/** Sound: what the tab plays and what the person says, mixed into one, and encoded as Opus. */

import { Chain } from "./chain";
import { CaptureClock, recordingClock } from "./clock";
import { base64Url, bytesOf } from "./picture-encoder";
import type { Chunk } from "./segment";

/** A little sound, held back before it is encoded. */
export interface Sample {
  readonly data: Float32Array<ArrayBuffer>;
}

export interface SoundFormat {
  readonly codec: string;
  readonly sample_rate: number;
  readonly channels: number;
  readonly description?: string;
}

export const SAMPLE_RATE = 48_000;
const BITRATE = 40_000;
/** Further than this beside what is expected, the clocks of sound and device went apart, or something is missing. */
const APART_MS = 80;
/** So long without anything coming out, an encoder is begun anew. */
const SILENT_MS = 5000;

/** Mixes streams and hands out what is heard, in pieces. */
export class Sound {
  readonly #context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
  readonly #mix = new MediaStreamAudioDestinationNode(this.#context, {
    channelCount: 1,
    channelCountMode: "explicit",
  });
  readonly #clock = new CaptureClock();
  readonly #taken: (atMs: number, sample: Sample) => void;
  readonly #streams: MediaStream[] = [];
  #reader: ReadableStreamDefaultReader<AudioData> | null = null;

  constructor(taken: (atMs: number, sample: Sample) => void) {
    this.#taken = taken;
  }

  /** Adds a source. `audible`: capturing has taken it away from the person's ears, and it is given back. */
  add(stream: MediaStream, audible: boolean): void {
    const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    source.connect(this.#mix);
    if (audible) source.connect(this.#context.destination);
    this.#streams.push(stream);
  }

  begin(): void {
    const [track] = this.#mix.stream.getAudioTracks();
    if (!track) throw new Error("there is nothing to hear");
    const { readable } = new MediaStreamTrackProcessor({ track });
    this.#reader = (readable as ReadableStream<AudioData>).getReader();
    void this.#read(this.#reader);
  }

  async #read(reader: ReadableStreamDefaultReader<AudioData>): Promise<void> {
    for (;;) {
      const { value: heard, done } = await reader.read();
      if (done) return;
      const data = new Float32Array(heard.numberOfFrames);
      heard.copyTo(data, { planeIndex: 0, format: "f32-planar" });
      const atMs = this.#clock.at(heard.timestamp, recordingClock.now());
      heard.close();
      this.#taken(atMs, { data });
    }
  }

  async stop(): Promise<void> {
    for (const track of this.#streams.flatMap((stream) => stream.getTracks())) track.stop();
    await this.#reader?.cancel();
    await this.#context.close();
  }
}

export interface SoundEncoderEvents {
  format(format: SoundFormat): void;
  chunk(chunk: Chunk): void;
  lost(): void;
}

export class SoundEncoder {
  readonly #events: SoundEncoderEvents;
  #encoder: AudioEncoder | null = null;
  #expectedMs = 0;
  /** Since when it has had something to do and put nothing out. */
  #busySinceMs: number | null = null;
  readonly #chain = new Chain(() => this.#failed());

  constructor(events: SoundEncoderEvents) {
    this.#events = events;
  }

  encode(atMs: number, sample: Sample): void {
    void this.#chain.add(() => this.#encode(atMs, sample));
  }

  /** Calls `then` when everything given in so far has come out, and before anything given in later. */
  after(then: () => void): Promise<void> {
    void this.#chain.add(async () => {
      if (this.#encoder?.state === "configured") await this.#encoder.flush();
    });
    return this.#chain.add(then);
  }

  async #encode(atMs: number, { data }: Sample): Promise<void> {
    // An encoder counts samples and never looks at times again: where they do not fit it begins anew.
    if (this.#encoder === null || Math.abs(atMs - this.#expectedMs) > APART_MS) {
      await this.#begin();
      this.#expectedMs = atMs;
    }
    const encoder = this.#encoder;
    if (encoder?.state !== "configured") return;
    const sample = new AudioData({
      format: "f32",
      sampleRate: SAMPLE_RATE,
      numberOfChannels: 1,
      numberOfFrames: data.length,
      timestamp: Math.round(this.#expectedMs * 1000),
      data,
    });
    this.#expectedMs += (data.length * 1000) / SAMPLE_RATE;
    this.#busySinceMs ??= recordingClock.now();
    encoder.encode(sample);
    sample.close();
  }

  /** An encoder that swallows everything is not one. Called now and then. */
  watch(nowMs: number): void {
    if (this.#busySinceMs !== null && nowMs - this.#busySinceMs > SILENT_MS) this.#failed();
  }

  close(): void {
    this.#busySinceMs = null;
    if (this.#encoder?.state !== "closed") this.#encoder?.close();
    this.#encoder = null;
  }

  async #begin(): Promise<void> {
    if (this.#encoder?.state === "configured") await this.#encoder.flush().catch(() => this.#failed());
    this.close();
    const encoder: AudioEncoder = new AudioEncoder({
      output: (chunk, metadata) => this.#put(chunk, metadata?.decoderConfig),
      error: () => encoder === this.#encoder && this.#failed(),
    });
    encoder.configure({ codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: 1, bitrate: BITRATE });
    this.#encoder = encoder;
  }

  #failed(): void {
    this.close();
    this.#events.lost();
  }

  #put(chunk: EncodedAudioChunk, config: AudioDecoderConfig | undefined): void {
    this.#busySinceMs = null;
    if (config) {
      const description = config.description ? { description: base64Url(bytesOf(config.description)) } : {};
      this.#events.format({ codec: "opus", sample_rate: SAMPLE_RATE, channels: 1, ...description });
    }
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    const durationUs = chunk.duration ?? 20_000;
    this.#events.chunk({ timestampUs: chunk.timestamp, durationUs, key: true, bytes });
  }
}
