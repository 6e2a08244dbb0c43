/** One visit spans the tabs and pages of an origin: its token lies in `localStorage`, and so does a visitor's no. */

const LIMIT_MS = 5000;

export class Visits {
  readonly #tokenKey: string;
  readonly #offKey: string;
  readonly #site: string;

  /** `forbidden` is called when another tab of the origin stops capture. */
  constructor(site: string, forbidden: () => void) {
    this.#site = site;
    this.#tokenKey = `clerestory.${site}.visit`;
    this.#offKey = `clerestory.${site}.off`;
    addEventListener("storage", ({ key, newValue }) => {
      if (key === this.#offKey && newValue !== null) forbidden();
    });
  }

  get token(): string | null {
    return read(this.#tokenKey);
  }

  keep(token: string): void {
    write(this.#tokenKey, token);
  }

  get isForbidden(): boolean {
    return read(this.#offKey) !== null;
  }

  forbid(): void {
    write(this.#tokenKey, null);
    write(this.#offKey, "1");
  }

  allow(): void {
    write(this.#offKey, null);
  }

  /** Two tabs that open at once join one visit: the second waits for the first's token. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), LIMIT_MS);
    try {
      const done = navigator.locks.request(
        `clerestory-start-${this.#site}`,
        { signal: patience.signal },
        () => {
          clearTimeout(timer);
          return work();
        },
      );
      return await done;
    } catch (error) {
      if (patience.signal.aborted) return await work();
      throw error;
    }
  }
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Without storage each page is a visit of its own.
  }
}
