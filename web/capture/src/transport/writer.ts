/**
 * Who writes: one tab. Its id and next number lie in `sessionStorage`, which a duplicated tab copies; so the id
 * is held by a Web Lock, and a tab that does not get the lock draws a new id.
 */

export interface WriterState {
  writer: string;
  recording: string;
  next: number;
}

/** A page that is left gives its lock back late; a copy of the tab never does. */
const WAIT_MS = 1200;

export class Writer {
  readonly #key: string;
  readonly #storage: Storage;
  #state: WriterState;
  #release: (() => void) | null = null;
  #acquiring: Promise<void> | null = null;

  constructor(site: string) {
    this.#key = `clerestory.${site}`;
    this.#storage = sessionStorage;
    this.#state = this.#read();
  }

  get id(): string {
    return this.#state.writer;
  }

  /** Takes the lock of the id, or a new id with its lock. Asked twice at once, it does so once. */
  acquire(): Promise<void> {
    this.#acquiring ??= this.#acquire().finally(() => {
      this.#acquiring = null;
    });
    return this.#acquiring;
  }

  async #acquire(): Promise<void> {
    if (this.#release) return;
    if (await this.#lock(WAIT_MS)) return;
    this.#state = { writer: crypto.randomUUID(), recording: "", next: 0 };
    this.#write();
    await this.#lock(WAIT_MS);
  }

  /** Gives the id to the page this tab opens next. */
  release(): void {
    this.#release?.();
    this.#release = null;
  }

  /** The recording and track go on at `next` or later: numbers in the spool are taken, too. */
  attach(recording: string, next: number): void {
    const own = this.#state.recording === recording ? this.#state.next : 0;
    this.#state = { writer: this.#state.writer, recording, next: Math.max(own, next) };
    this.#write();
  }

  draw(): number {
    const drawn = this.#state.next;
    this.#state.next += 1;
    this.#write();
    return drawn;
  }

  #lock(waitMs: number): Promise<boolean> {
    const name = lockName(this.#state.writer);
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), waitMs);
    return new Promise((resolve) => {
      const held = (): Promise<void> =>
        new Promise((release) => {
          clearTimeout(timer);
          this.#release = release;
          resolve(true);
        });
      navigator.locks.request(name, { signal: patience.signal }, held).catch(() => resolve(false));
    });
  }

  #read(): WriterState {
    const fresh = { writer: crypto.randomUUID(), recording: "", next: 0 };
    try {
      const kept = JSON.parse(this.#storage.getItem(this.#key) ?? "null") as Partial<WriterState> | null;
      const isId = typeof kept?.writer === "string" && /^[0-9a-f-]{36}$/.test(kept.writer);
      if (!isId || typeof kept.recording !== "string" || !Number.isSafeInteger(kept.next)) return fresh;
      return { writer: String(kept.writer), recording: kept.recording, next: Number(kept.next) };
    } catch {
      return fresh;
    }
  }

  #write(): void {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(this.#state));
    } catch {
      // Full or forbidden storage: the next page of this tab is a writer of its own.
    }
  }
}

export const lockName = (writer: string): string => `clerestory-writer-${writer}`;

/** Writers whose tab is open now. */
export async function livingWriters(): Promise<ReadonlySet<string>> {
  const { held } = await navigator.locks.query();
  return new Set((held ?? []).map(({ name }) => (name ?? "").replace("clerestory-writer-", "")));
}
