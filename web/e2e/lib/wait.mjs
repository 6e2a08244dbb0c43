/** Resolves after `ms` milliseconds. Stories wait for conditions; this is for pacing a visit. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks `ask` until it answers something truthy, and returns that.
 *
 * @param {string} what  what is waited for, in words, for the message when it never comes
 * @param {() => unknown} ask  may throw: the last error is told when time runs out
 * @param {{timeoutMs?: number, everyMs?: number}} [options]
 */
export async function waitFor(what, ask, { timeoutMs = 10_000, everyMs = 100 } = {}) {
  const until = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      last = undefined;
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until) {
      throw new Error(`waited ${timeoutMs} ms for ${what}, and it did not come`, last ? { cause: last } : {});
    }
    await pause(everyMs);
  }
}
