/**
 * Segments that are not acknowledged yet, sealed, in IndexedDB: they outlive the page, and the device cannot
 * open them.
 */

export interface Spooled {
  readonly id: string;
  /** Host and site, so that two sites of one origin do not see each other's. */
  readonly owner: string;
  readonly writer: string;
  readonly recording: string;
  readonly track: string;
  readonly sequence: number;
  readonly keyId: string;
  readonly token: string;
  readonly policyVersion: number;
  /** First and last event, milliseconds by the client's clock. */
  readonly from: number;
  readonly to: number;
  readonly sealed: Uint8Array<ArrayBuffer>;
}

export const spoolId = (recording: string, track: string, sequence: number): string =>
  `${recording}/${track}/${String(sequence).padStart(12, "0")}`;

export const SPOOL_LIMIT = 20 * 1024 * 1024;
const STORE = "segments";

const asked = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const finished = (change: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    change.oncomplete = () => resolve();
    change.onabort = () => reject(change.error);
    change.onerror = () => reject(change.error);
  });

/** Where the browser gives no storage (private windows of some), every method does nothing. */
export class Spool {
  readonly #owner: string;
  #opened: Promise<IDBDatabase | null> | null = null;

  constructor(owner: string) {
    this.#owner = owner;
  }

  #open(): Promise<IDBDatabase | null> {
    this.#opened ??= (async () => {
      try {
        const request = indexedDB.open("clerestory", 1);
        request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
        const database = await asked(request);
        database.onversionchange = () => database.close();
        return database;
      } catch {
        return null;
      }
    })();
    return this.#opened;
  }

  /** Stores a segment and drops the oldest ones beyond the limit; answers with those dropped. */
  async put(segment: Omit<Spooled, "id" | "owner">): Promise<readonly Spooled[]> {
    const database = await this.#open();
    if (!database) return [];
    const change = database.transaction(STORE, "readwrite");
    const store = change.objectStore(STORE);
    const { recording, track, sequence } = segment;
    store.put({ ...segment, id: spoolId(recording, track, sequence), owner: this.#owner });
    const held = ((await asked(store.getAll())) as Spooled[]).sort((a, b) => a.from - b.from);
    let size = held.reduce((sum, { sealed }) => sum + sealed.length, 0);
    const dropped: Spooled[] = [];
    for (const old of held) {
      if (size <= SPOOL_LIMIT) break;
      store.delete(old.id);
      size -= old.sealed.length;
      dropped.push(old);
    }
    await finished(change);
    return dropped;
  }

  async remove(id: string): Promise<void> {
    const database = await this.#open();
    if (!database) return;
    const change = database.transaction(STORE, "readwrite");
    change.objectStore(STORE).delete(id);
    await finished(change);
  }

  /** This site's segments, oldest recording first, in order of their numbers. */
  async all(): Promise<readonly Spooled[]> {
    const database = await this.#open();
    if (!database) return [];
    const held = (await asked(database.transaction(STORE).objectStore(STORE).getAll())) as Spooled[];
    return held.filter(({ owner }) => owner === this.#owner).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Throws everything of this site away. */
  async clear(): Promise<void> {
    for (const { id } of await this.all()) await this.remove(id);
  }
}
