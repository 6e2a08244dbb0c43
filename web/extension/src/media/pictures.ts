/**
 * Takes pictures out of a captured track, as raw copies: the capturer stalls when a few of its own are held. How many
 * there are is the capturer's to keep: whoever left one out here could leave out the last change for a long time.
 */
import { CaptureClock, recordingClock } from "./clock";

/** A picture that owes nothing to the capturer any more. */
export interface Picture {
  readonly data: ArrayBuffer;
  readonly format: VideoPixelFormat;
  readonly width: number;
  readonly height: number;
  readonly layout: readonly PlaneLayout[];
  readonly colorSpace: VideoColorSpaceInit;
}

export interface PicturesEvents {
  taken(atMs: number, picture: Picture): void;
  /** There was another picture, and it could not be read: the one before is not what is there. */
  unread(): void;
  /** Nothing more will come of this track. */
  ended(): void;
}

async function copyOut(frame: VideoFrame): Promise<Picture | null> {
  const shown = frame.visibleRect;
  if (!shown) return null;
  // A picture that only the graphics card knows has no format; it is read as plain colours.
  const format = frame.format ?? "RGBA";
  const options: VideoFrameCopyToOptions = frame.format === null ? { format } : {};
  const data = new ArrayBuffer(frame.allocationSize(options));
  const layout = await frame.copyTo(data, options);
  const colorSpace = frame.colorSpace.toJSON();
  return { data, format, width: shown.width, height: shown.height, layout, colorSpace };
}

/** A frame an encoder takes, of a picture that was held back. Its sizes are even, as encoders want them. */
export const frameOf = (
  { data, format, width, height, layout, colorSpace }: Picture,
  atMs: number,
): VideoFrame =>
  new VideoFrame(data, {
    format,
    codedWidth: width,
    codedHeight: height,
    visibleRect: { x: 0, y: 0, width: width & ~1, height: height & ~1 },
    layout: [...layout],
    colorSpace,
    timestamp: Math.round(atMs * 1000),
  });

export class Pictures {
  readonly #track: MediaStreamTrack;
  readonly #events: PicturesEvents;
  readonly #clock = new CaptureClock();
  #reader: ReadableStreamDefaultReader<VideoFrame> | null = null;
  #stopped = false;

  constructor(track: MediaStreamTrack, events: PicturesEvents) {
    this.#track = track;
    this.#events = events;
    track.addEventListener("ended", () => this.#end());
    this.refresh();
  }

  /** Asks for a picture of now, even where nothing changed: a new reader is given one at once. */
  refresh(): void {
    if (this.#stopped) return;
    void this.#reader?.cancel();
    const { readable } = new MediaStreamTrackProcessor({ track: this.#track, maxBufferSize: 2 });
    this.#reader = (readable as ReadableStream<VideoFrame>).getReader();
    void this.#read(this.#reader);
  }

  stop(): void {
    this.#stopped = true;
    void this.#reader?.cancel();
    this.#track.stop();
  }

  #end(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#events.ended();
  }

  async #read(reader: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) {
        if (reader === this.#reader) this.#end();
        return;
      }
      try {
        await this.#take(frame);
      } catch {
        // Where none can be, whoever watches for them notices.
        this.#events.unread();
      } finally {
        frame.close();
      }
    }
  }

  async #take(frame: VideoFrame): Promise<void> {
    const atMs = this.#clock.at(frame.timestamp, recordingClock.now());
    const picture = await copyOut(frame);
    if (picture && !this.#stopped) this.#events.taken(atMs, picture);
  }
}
