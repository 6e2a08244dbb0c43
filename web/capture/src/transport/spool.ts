/**
 * Segments that are not acknowledged yet, sealed, in IndexedDB: they outlive the page, and the device cannot
 * open them.
 */

/** What is known of a segment without reading it. */
export interface SpoolEntry {
  readonly id: string;
  /** Host and site, so that two sites of one origin do not see each other's. */
  readonly owner: string;
  readonly writer: string;
  readonly recording: string;
  readonly track: string;
  readonly sequence: number;
  /** First and last event, milliseconds by the client's clock. */
  readonly from: number;
  readonly to: number;
  /** Bytes of the sealed segment. */
  readonly size: number;
}

export interface Spooled extends SpoolEntry {
  readonly keyId: string;
  readonly token: string;
  readonly policyVersion: number;
  readonly sealed: Uint8Array<ArrayBuffer>;
}

export const spoolId = (recording: string, track: string, sequence: number): string =>
  `${recording}/${track}/${String(sequence).padStart(12, "0")}`;

export const SPOOL_LIMIT = 20 * 1024 * 1024;
const SEGMENTS = "segments";
/** The same segments without their bytes: sizes are summed without reading 20 MB. */
const ENTRIES = "entries";

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
        request.onupgradeneeded = () => {
          for (const name of [SEGMENTS, ENTRIES]) request.result.createObjectStore(name, { keyPath: "id" });
        };
        const database = await asked(request);
        // A browser may close it by itself, too; whoever asks next opens it anew.
        database.onclose = () => {
          this.#opened = null;
        };
        database.onversionchange = () => {
          database.close();
          this.#opened = null;
        };
        return database;
      } catch {
        return null;
      }
    })();
    return this.#opened;
  }

  /** Stores a segment and drops the oldest ones beyond the limit; answers with those dropped. */
  async put(segment: Omit<Spooled, "id" | "owner" | "size">): Promise<readonly SpoolEntry[]> {
    const database = await this.#open();
    if (!database) return [];
    const change = database.transaction([SEGMENTS, ENTRIES], "readwrite");
    const segments = change.objectStore(SEGMENTS);
    const entries = change.objectStore(ENTRIES);
    const { writer, recording, track, sequence, from, to, sealed } = segment;
    const id = spoolId(recording, track, sequence);
    const entry = {
      id,
      owner: this.#owner,
      writer,
      recording,
      track,
      sequence,
      from,
      to,
      size: sealed.length,
    };
    segments.put({ ...segment, ...entry });
    entries.put(entry);
    const held = ((await asked(entries.getAll())) as SpoolEntry[]).sort((a, b) => a.from - b.from);
    let total = held.reduce((sum, { size }) => sum + size, 0);
    const dropped: SpoolEntry[] = [];
    for (const old of held) {
      if (total <= SPOOL_LIMIT) break;
      segments.delete(old.id);
      entries.delete(old.id);
      total -= old.size;
      dropped.push(old);
    }
    await finished(change);
    return dropped;
  }

  async remove(id: string): Promise<void> {
    const database = await this.#open();
    if (!database) return;
    const change = database.transaction([SEGMENTS, ENTRIES], "readwrite");
    for (const name of [SEGMENTS, ENTRIES]) change.objectStore(name).delete(id);
    await finished(change);
  }

  /** This site's segments, recording by recording, in order of their numbers. */
  async list(): Promise<readonly SpoolEntry[]> {
    const database = await this.#open();
    if (!database) return [];
    const held = (await asked(database.transaction(ENTRIES).objectStore(ENTRIES).getAll())) as SpoolEntry[];
    return held.filter(({ owner }) => owner === this.#owner).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async read(id: string): Promise<Spooled | null> {
    const database = await this.#open();
    if (!database) return null;
    return (
      ((await asked(database.transaction(SEGMENTS).objectStore(SEGMENTS).get(id))) as Spooled | undefined) ??
      null
    );
  }

  /** Throws everything of this site away that is not of the recording to keep, which is asked for each. */
  async clear(kept: () => string | undefined = () => undefined): Promise<void> {
    for (const { id, recording } of await this.list()) if (recording !== kept()) await this.remove(id);
  }
}
