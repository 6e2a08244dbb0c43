/**
 * A list that refreshes itself asks the same question again. Only the first asking is put on record: each later one
 * names the entry of an answer before, and the server answers it on that entry for a quarter of an hour.
 */
import { ApiError } from "../api/client";

export interface Entered {
  /** The entry the answer stands on. */
  entry: number;
  next_cursor: string | null;
}

/** Asks for the page after `cursor`, on the entry `continues` where there is one. */
export type Asking<T extends Entered> = (cursor: string | null, continues: number | null) => Promise<T>;

/** The entries of one question, asked again and again, page by page. Another question takes another one of these. */
export class Riding<T extends Entered> {
  /** The entry of each page, first page first. */
  readonly #entries: number[] = [];
  /** Which page a cursor leads to: where new rows push old ones down, a page keeps its number and changes its cursor. */
  readonly #pages = new Map<string | null, number>([[null, 0]]);

  async page(cursor: string | null, ask: Asking<T>): Promise<T> {
    const number = this.#pages.get(cursor) ?? null;
    const answer = await this.#answer(cursor, number === null ? null : this.#entries[number], ask);
    if (number === null) return answer;
    this.#entries[number] = answer.entry;
    if (cursor === null) this.#forgetCursors();
    if (answer.next_cursor !== null) this.#pages.set(answer.next_cursor, number + 1);
    return answer;
  }

  async #answer(cursor: string | null, entry: number | null | undefined, ask: Asking<T>): Promise<T> {
    if (entry === null || entry === undefined) return ask(cursor, null);
    try {
      return await ask(cursor, entry);
    } catch (error) {
      if (!isTooOld(error)) throw error;
      return ask(cursor, null);
    }
  }

  /** A round begins with the first page and learns all cursors again. */
  #forgetCursors(): void {
    this.#pages.clear();
    this.#pages.set(null, 0);
  }
}

/** An entry that is too old to ride on, or that the server does not know, is answered like anything that is not there. */
function isTooOld(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

const AFTER_FAILURE_MS = 10_000;

/**
 * How long until a list asks again, or false for never: after a refusal, as each one is put on record, and where
 * there is nothing to keep fresh, as the page then says itself when it asks again.
 */
export function againIn(everyMs: number, shown: boolean, error: Error | null): number | false {
  if (error === null) return everyMs;
  if (!shown || (error instanceof ApiError && error.status === 403)) return false;
  return AFTER_FAILURE_MS;
}
