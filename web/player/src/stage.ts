/**
 * What is on the page: the chapter shown, the one being made ready behind it, the clock, the scale.
 *
 * A chapter is built out of sight and then put in the place of the one before, so the picture never flashes.
 */
import { type Chapter, Chapters } from "./chapters.ts";
import { Easel } from "./easel.ts";
import { Inert, type InertEvent } from "./inert.ts";
import type { FromPlayer, SegmentMessage, ToPlayer } from "./messages.ts";

type Load = Extract<ToPlayer, { type: "load" }>;

/** How long before it is needed the next chapter is built, in milliseconds of the viewer's time. */
const AHEAD_MS = 2_000;
const POSITION_EVERY_MS = 100;

export class Stage {
  readonly #frame: HTMLElement;
  readonly #send: (message: FromPlayer) => void;
  #chapters = new Chapters();
  #inert = new Inert();
  #load = 0;
  #earliest = false;
  #index = -1;
  #shown: Easel | null = null;
  #next: Easel | null = null;
  #speed = 1;
  #untilMs: number | null = null;
  #ticking = false;
  #lastPosition = 0;
  #size = { width: 0, height: 0 };

  constructor(frame: HTMLElement, send: (message: FromPlayer) => void) {
    this.#frame = frame;
    this.#send = send;
  }

  load(message: Load): void {
    const started = performance.now();
    this.#forget();
    this.#load = message.load;
    this.#earliest = message.earliest;
    this.#speed = message.speed;
    this.#untilMs = message.until_ms;
    this.#take(message.segments);
    this.#show(message.at_ms, started, message.play);
  }

  append(load: number, segments: readonly SegmentMessage[]): void {
    if (load !== this.#load) return;
    const before = this.#chapters.list.length;
    const lengthened = this.#take(segments);
    if (lengthened.length > 0 && before > 0) {
      const chapter = this.#chapters.list[before - 1];
      for (const easel of [this.#shown, this.#next]) {
        if (easel !== null && easel.chapter === chapter) easel.lengthen(lengthened);
      }
    }
  }

  seek(ms: number): void {
    const first = this.#chapters.list[0];
    if (first === undefined || (ms < first.startMs && !this.#earliest)) {
      this.#send({ type: "outside", at_ms: ms });
      return;
    }
    this.#show(ms, performance.now(), this.#shown?.playing ?? false);
  }

  play(speed: number, untilMs: number | null): void {
    this.setSpeed(speed);
    this.#untilMs = untilMs;
    if (this.#shown === null) return;
    this.#shown.play();
    this.#startTicking();
    this.#position(true);
  }

  pause(): void {
    this.#shown?.pause();
    this.#position(true);
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
    this.#shown?.setSpeed(speed);
  }

  /** Fits the recorded viewport into the page. */
  resize(): void {
    const { width, height } = this.#size;
    if (width === 0 || height === 0) return;
    const scale = Math.min(window.innerWidth / width, window.innerHeight / height);
    const left = (window.innerWidth - width * scale) / 2;
    const top = (window.innerHeight - height * scale) / 2;
    this.#frame.style.width = `${width}px`;
    this.#frame.style.height = `${height}px`;
    this.#frame.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }

  /** Nothing of the recording is left on the page or in its memory. */
  reset(): void {
    this.#forget();
    this.#size = { width: 0, height: 0 };
  }

  #forget(): void {
    this.#shown?.destroy();
    this.#next?.destroy();
    this.#shown = null;
    this.#next = null;
    this.#index = -1;
    this.#chapters = new Chapters();
    this.#inert = new Inert();
  }

  #take(segments: readonly SegmentMessage[]): InertEvent[] {
    const lengthened: InertEvent[] = [];
    for (const segment of segments) {
      const raw = readSegment(segment);
      if (raw === null) {
        this.#send({ type: "error", message: `Segment ${segment.sequence} is no list of events.` });
        continue;
      }
      lengthened.push(...this.#chapters.take(inRecordingTime(raw, segment.start_us, this.#inert)).lengthened);
    }
    this.#send({ type: "made_inert", load: this.#load, removed: { ...this.#inert.removed } });
    return lengthened;
  }

  #show(ms: number, started: number, play: boolean): void {
    const found = this.#chapters.at(ms);
    const index = found === -1 && this.#earliest ? 0 : found;
    const chapter = this.#chapters.list[index];
    if (chapter === undefined) {
      this.#send({ type: "needs", load: this.#load, before_ms: ms });
      return;
    }
    const same = this.#shown !== null && this.#shown.chapter === chapter;
    const easel = same && this.#shown !== null ? this.#shown : this.#build(chapter);
    easel.show(ms);
    if (!same) this.#bringForward(easel, index);
    if (play) this.play(this.#speed, this.#untilMs);
    const load = this.#load;
    afterPaint(() => {
      this.#send({ type: "painted", load, at_ms: ms, took_ms: performance.now() - started });
    });
    this.#position(true);
  }

  #build(chapter: Chapter): Easel {
    const easel: Easel = new Easel(this.#frame, chapter, this.#speed, {
      resized: (width, height) => {
        if (this.#shown === easel) this.#resized(width, height);
      },
    });
    easel.element.classList.add("behind");
    return easel;
  }

  #bringForward(easel: Easel, index: number): void {
    const before = this.#shown;
    this.#shown = easel;
    if (this.#next !== null && this.#next !== easel) this.#next.destroy();
    this.#next = null;
    easel.element.classList.remove("behind");
    before?.destroy();
    const { width, height } = easel.size();
    this.#resized(width, height);
    const dropped = this.#chapters.keepAround(index);
    if (dropped > 0) this.#earliest = false;
    this.#index = index - dropped;
  }

  #resized(width: number, height: number): void {
    if (width === this.#size.width && height === this.#size.height) return;
    this.#size = { width, height };
    this.resize();
    this.#send({ type: "size", width, height });
  }

  // ------------------------------------------------------------------ the clock

  #startTicking(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    const tick = () => {
      if (this.#shown === null || !this.#shown.playing) {
        this.#ticking = false;
        return;
      }
      this.#advance(this.#shown);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  #advance(shown: Easel): void {
    const at = shown.atMs;
    const following = this.#chapters.list[this.#index + 1];
    const until = this.#untilMs ?? this.#lastEventMs();
    if (at >= until) {
      // One slow frame may have carried the clock across a whole chapter.
      this.#show(until, performance.now(), false);
      this.#send({ type: "reached", at_ms: until });
      return;
    }
    if (following !== undefined && at >= following.startMs) {
      const easel = this.#next ?? this.#build(following);
      easel.show(at);
      this.#bringForward(easel, this.#index + 1);
      easel.setSpeed(this.#speed);
      easel.play();
    } else if (
      following !== undefined &&
      this.#next === null &&
      at + AHEAD_MS * this.#speed >= following.startMs
    ) {
      this.#next = this.#build(following);
      this.#next.show(following.startMs);
    }
    this.#position(false);
  }

  #lastEventMs(): number {
    return this.#chapters.list.at(-1)?.events.at(-1)?.timestamp ?? 0;
  }

  #position(now: boolean): void {
    const time = performance.now();
    if (this.#shown === null || (!now && time - this.#lastPosition < POSITION_EVERY_MS)) return;
    this.#lastPosition = time;
    this.#send({
      type: "position",
      load: this.#load,
      at_ms: this.#shown.atMs,
      playing: this.#shown.playing,
    });
  }
}

/**
 * Two frames later the browser has painted what was built in this task. A frame that is out of sight gets no
 * animation frames; there, nothing more will be painted and waiting longer would only hold up the console.
 */
function afterPaint(done: () => void): void {
  let told = false;
  const once = () => {
    if (!told) done();
    told = true;
  };
  requestAnimationFrame(() => requestAnimationFrame(once));
  setTimeout(once, 500);
}

function readSegment(segment: SegmentMessage): readonly unknown[] | null {
  if (segment.events !== undefined) return segment.events;
  if (segment.bytes === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(segment.bytes));
    return Array.isArray(parsed) ? parsed : null;
  } catch {
    return null; // reported by the caller, with the segment's number
  }
}

/** Inert events whose times count from the start of the recording: the earliest stands at `startUs`. */
function inRecordingTime(raw: readonly unknown[], startUs: number, inert: Inert): InertEvent[] {
  const events = raw.flatMap((entry) => inert.event(entry) ?? []);
  let earliest = Number.POSITIVE_INFINITY;
  for (const entry of raw) {
    const time = (entry as { timestamp?: unknown } | null)?.timestamp;
    if (typeof time === "number" && time < earliest) earliest = time;
  }
  const shift = startUs / 1000 - earliest;
  return events.map((event) => ({ ...event, timestamp: event.timestamp + shift }));
}
