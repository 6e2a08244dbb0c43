/** Steps of an encoder, one after the other. None that fails, or never ends, keeps those after it from their turn. */

/** No encoder that works takes so long to put out what it has. */
const LONGEST_MS = 5000;

export class Chain {
  readonly #failed: () => void;
  #before: Promise<void> = Promise.resolve();

  constructor(failed: () => void) {
    this.#failed = failed;
  }

  /** Resolves when the step had its turn, whatever became of it. */
  add(step: () => Promise<void> | void): Promise<void> {
    this.#before = this.#before.then(() => this.#take(step));
    return this.#before;
  }

  async #take(step: () => Promise<void> | void): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("an encoder does not answer")), LONGEST_MS);
    });
    try {
      await Promise.race([step(), late]);
    } catch {
      this.#tellFailed();
    } finally {
      clearTimeout(timer);
    }
  }

  #tellFailed(): void {
    try {
      this.#failed();
    } catch (error) {
      console.error("an encoder that failed was not begun anew", error);
    }
  }
}
