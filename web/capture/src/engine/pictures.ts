/**
 * Puts pictures into the recording where the policy allows media: each is drawn once, in a task of its own, and
 * told as an attribute. A replay never asks the recorded site for a picture.
 */

import { nameOf } from "../policy/dom";
import type { Judge } from "../policy/judge";
import { isPicture } from "./media";

/** Longest side of an inlined picture, in pixels. */
const MAX_SIDE = 1600;
/** Longest data URL; a larger picture stays a placeholder. */
const MAX_LENGTH = 1024 * 1024;

type Told = (element: Element, attribute: string, dataUrl: string) => void;

export class Inliner {
  readonly #judge: Judge;
  readonly #told: Told;
  #ready = new WeakMap<Element, { from: string; dataUrl: string }>();
  #waiting: Element[] = [];
  #queued = new WeakSet<Element>();
  #busy = false;
  #run = 0;

  constructor(judge: Judge, told: Told) {
    this.#judge = judge;
    this.#told = told;
  }

  /** The picture if it was drawn already; otherwise it is drawn soon and told then. */
  dataUrl(element: Element): string | null {
    if (!isPicture(element)) return null;
    const known = this.#ready.get(element);
    if (known && known.from === sourceOf(element) && nameOf(element) !== "canvas") return known.dataUrl;
    this.#later(element);
    return null;
  }

  forget(): void {
    this.stop();
  }

  stop(): void {
    this.#run += 1;
    this.#waiting = [];
    this.#queued = new WeakSet();
    this.#busy = false;
  }

  #later(element: Element): void {
    if (this.#queued.has(element)) return;
    this.#queued.add(element);
    if (nameOf(element) === "canvas" || isLoaded(element)) {
      this.#waiting.push(element);
      if (!this.#busy) this.#next();
    } else {
      const run = this.#run;
      const again = (): void => {
        if (run !== this.#run) return;
        this.#queued.delete(element);
        this.#later(element);
      };
      element.addEventListener("load", again, { once: true });
    }
  }

  #next(): void {
    const element = this.#waiting.shift();
    this.#busy = element !== undefined;
    if (!element) return;
    const run = this.#run;
    setTimeout(() => {
      void this.#draw(element).then((dataUrl) => {
        if (run !== this.#run) return;
        this.#queued.delete(element);
        this.#judge.forget();
        const allowed = element.isConnected && this.#judge.decide(element) !== "exclude";
        if (dataUrl && allowed && this.#judge.mediaAllowed(element)) {
          this.#ready.set(element, { from: sourceOf(element), dataUrl });
          this.#told(element, nameOf(element) === "canvas" ? "rr_dataURL" : "src", dataUrl);
        }
        this.#next();
      });
    }, 0);
  }

  /** `null` where the browser does not let the picture be read, or it is too large. */
  async #draw(element: Element): Promise<string | null> {
    try {
      const picture = element as HTMLImageElement | HTMLCanvasElement;
      const width = picture instanceof HTMLCanvasElement ? picture.width : picture.naturalWidth;
      const height = picture instanceof HTMLCanvasElement ? picture.height : picture.naturalHeight;
      if (!width || !height) return null;
      const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
      const canvas = new OffscreenCanvas(Math.ceil(width * scale), Math.ceil(height * scale));
      canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
      const dataUrl = await readDataUrl(blob);
      return dataUrl.length > MAX_LENGTH ? null : dataUrl;
    } catch {
      return null;
    }
  }
}

const sourceOf = (element: Element): string => (element as Partial<HTMLImageElement>).currentSrc ?? "";

const isLoaded = (element: Element): boolean =>
  (element as Partial<HTMLImageElement>).complete === true && (element as HTMLImageElement).naturalWidth > 0;

function readDataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
