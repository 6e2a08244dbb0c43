/** Shows the policy editor what would leave the page under a draft. Protocol: README. Never contacts the server. */
import type { RecordedEvent } from "../engine/events";
import type { Counts } from "../engine/filter";
import { Recorder } from "../engine/recorder";
import { parseRules } from "../policy/document";
import { Judge } from "../policy/judge";
import { captures, pathOf } from "../policy/urls";
import { Picker } from "./picker";
import { visiblePieces } from "./pieces";

const BATCH_MS = 250;
const RECTS_MS = 250;

export function startPreview(host: string): void {
  let preview: Preview | null = null;
  addEventListener("message", ({ source, origin, data, ports }) => {
    const port = ports[0];
    if (source !== window.parent || origin !== host || !port || data?.clerestory !== "preview") return;
    preview?.end();
    preview = new Preview(port);
    preview.hear(data);
  });
  window.parent.postMessage({ clerestory: "preview-ready", url: location.pathname }, host);
}

class Preview {
  readonly #port: MessagePort;
  #judge: Judge | null = null;
  #recorder: Recorder | null = null;
  #picker: Picker | null = null;
  #batch: RecordedEvent[] = [];
  #bytes = 0;
  #snapshotBytes = 0;
  #snapshot = false;
  #timer: ReturnType<typeof setInterval>;
  #rectsTimer: ReturnType<typeof setTimeout> | null = null;
  #href = location.href;
  #denied = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = ({ data }) => this.hear(data);
    this.#timer = setInterval(() => this.#flush(), BATCH_MS);
    addEventListener("scroll", this.#onMove, { capture: true, passive: true });
    addEventListener("resize", this.#onMove, { passive: true });
  }

  hear(message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    const { rules, pick, stop } = message as { rules?: unknown; pick?: unknown; stop?: unknown };
    if (stop === true) {
      this.end();
      return;
    }
    if (rules !== undefined) this.#draft(rules);
    if (typeof pick === "boolean") this.#pick(pick);
  }

  end(): void {
    this.#recorder?.stop();
    this.#picker?.end();
    clearInterval(this.#timer);
    if (this.#rectsTimer !== null) clearTimeout(this.#rectsTimer);
    removeEventListener("scroll", this.#onMove, { capture: true });
    removeEventListener("resize", this.#onMove);
    this.#port.close();
  }

  #say(message: object): void {
    this.#port.postMessage(message);
  }

  #draft(rules: unknown): void {
    const parsed = parseRules(rules);
    if ("errors" in parsed) {
      this.#say({
        kind: "refused",
        message: "The draft is not a valid policy.",
        errors: parsed.errors,
      });
      return;
    }
    this.#batch = [];
    this.#bytes = 0;
    if (this.#judge) this.#judge.use(parsed.ok);
    else this.#judge = new Judge(parsed.ok);
    this.#run();
  }

  #run(): void {
    const judge = this.#judge;
    if (!judge) return;
    this.#href = location.href;
    this.#denied = !captures(judge.rules.urls, pathOf(this.#href));
    if (this.#denied) {
      this.#recorder?.stop();
      this.#say({ kind: "denied", url: location.pathname });
      return;
    }
    this.#recorder ??= new Recorder(
      judge,
      {
        take: (event, json) => this.#take(event, json),
        keyframe: (counts) => this.#told(counts),
        failed: (error) =>
          this.#say({ kind: "refused", message: `The preview stopped: ${String(error)}`, errors: [] }),
      },
      { keyframeMs: 10 * 60_000 },
    );
    if (this.#recorder.running) this.#recorder.rulesChanged();
    else this.#recorder.start();
  }

  #take(event: RecordedEvent, json: string): void {
    if (location.href !== this.#href) {
      this.#run();
      if (this.#denied) return;
    }
    if (event.type === 4) {
      this.#batch = [];
      this.#bytes = 0;
      this.#snapshot = true;
    }
    this.#batch.push(event);
    this.#bytes += json.length;
  }

  #told({ shown, masked, excluded }: Counts): void {
    this.#snapshotBytes = this.#bytes;
    this.#flush();
    const page = document.documentElement.outerHTML.length;
    const leaving = this.#snapshotBytes;
    this.#say({ kind: "counts", shown, masked, excluded, page_bytes: page, leaving_bytes: leaving });
    this.#rects();
  }

  #flush(): void {
    if (location.href !== this.#href) this.#run();
    if (this.#batch.length === 0 || this.#recorder?.reading) return;
    this.#say({ kind: "events", events: this.#batch, bytes: this.#bytes, reset: this.#snapshot });
    if (!this.#snapshot) this.#onMove();
    this.#snapshot = false;
    this.#batch = [];
    this.#bytes = 0;
  }

  readonly #onMove = (): void => {
    this.#rectsTimer ??= setTimeout(() => this.#rects(), RECTS_MS);
  };

  #rects(): void {
    if (this.#rectsTimer !== null) clearTimeout(this.#rectsTimer);
    this.#rectsTimer = null;
    if (this.#judge && !this.#denied) this.#say({ kind: "rects", items: visiblePieces(this.#judge) });
  }

  #pick(on: boolean): void {
    this.#picker?.end();
    const judge = this.#judge;
    this.#picker = on && judge ? new Picker(judge, (message) => this.#say(message)) : null;
  }
}
