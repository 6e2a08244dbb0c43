/**
 * What a video element is fed with: one buffer for the picture and one for the sound of a run, in recording time.
 * Everything that is asked of a buffer is done in the order in which it was asked.
 */
import type { Content } from "../api";

/** A file that this browser has no decoder for. */
export class NotPlayable extends Error {
  override readonly name = "NotPlayable";
  constructor(type: string) {
    super(`This browser does not play ${type}. Another one may.`);
  }
}

/** One kind of track. Segments may change their codec or size on the way. */
class Feed {
  readonly #buffer: SourceBuffer;
  #type: string;
  #last: Promise<void> = Promise.resolve();

  constructor(source: MediaSource, type: string) {
    this.#buffer = source.addSourceBuffer(type);
    this.#buffer.mode = "segments";
    this.#type = type;
  }

  get done(): Promise<void> {
    return this.#last;
  }

  append({ bytes, type }: Content): Promise<void> {
    return this.#then(() => {
      if (type !== this.#type) {
        this.#buffer.changeType(type);
        this.#type = type;
      }
      this.#buffer.appendBuffer(bytes);
    });
  }

  /** Lets go of everything between two moments, in seconds. */
  remove(from: number, to: number): Promise<void> {
    return this.#then(() => this.#buffer.remove(from, to));
  }

  #then(act: () => void): Promise<void> {
    const next = this.#last.then(() => settled(this.#buffer, act));
    // One that fails does not keep back those after it; whoever asked for it hears of it.
    this.#last = next.catch(() => undefined);
    return next;
  }
}

/** Does something with a buffer and waits until that is done. */
function settled(buffer: SourceBuffer, act: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const heard = new AbortController();
    const on = (name: string, tell: () => void) =>
      buffer.addEventListener(
        name,
        () => {
          heard.abort();
          tell();
        },
        { signal: heard.signal },
      );
    on("error", () => reject(new Error("The browser could not read a part of the recording.")));
    on("updateend", resolve);
    try {
      act();
    } catch (error) {
      heard.abort();
      reject(error);
    }
  });
}

export class Reel {
  readonly #video: HTMLVideoElement;
  readonly #source = new MediaSource();
  readonly #address: string;
  readonly #ready: Promise<void>;
  #feeds: Feed[] = [];
  #closed = false;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    this.#address = URL.createObjectURL(this.#source);
    this.#ready = new Promise((resolve) => {
      this.#source.addEventListener("sourceopen", () => resolve(), { once: true });
    });
    video.src = this.#address;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Begins with the first of each kind: a source is told of all its buffers before it is given anything. */
  async begin(firsts: readonly Content[]): Promise<void> {
    for (const { type } of firsts) if (!MediaSource.isTypeSupported(type)) throw new NotPlayable(type);
    await this.#ready;
    if (this.#closed) return;
    // So that the element can be sent anywhere before anything is there.
    this.#source.duration = Number.POSITIVE_INFINITY;
    this.#feeds = firsts.map(({ type }) => new Feed(this.#source, type));
    await Promise.all(firsts.map((content, n) => this.append(n, content)));
  }

  /** Takes a segment of the picture (0) or of the sound (1). One that only tells of a gap holds nothing. */
  async append(which: number, content: Content): Promise<void> {
    if (this.#closed || content.bytes.byteLength === 0) return;
    if (!MediaSource.isTypeSupported(content.type)) throw new NotPlayable(content.type);
    await this.#feeds[which]?.append(content);
  }

  async remove(which: number, fromUs: number, toUs: number): Promise<void> {
    if (!this.#closed) await this.#feeds[which]?.remove(fromUs / 1e6, toUs / 1e6);
  }

  /** Everything has been given: the last frame stands to the end. */
  async end(): Promise<void> {
    await Promise.all(this.#feeds.map(({ done }) => done));
    if (!this.#closed && this.#source.readyState === "open") this.#source.endOfStream();
  }

  close(): void {
    this.#closed = true;
    URL.revokeObjectURL(this.#address);
    if (this.#video.src !== this.#address) return;
    this.#video.removeAttribute("src");
    this.#video.load();
  }
}
