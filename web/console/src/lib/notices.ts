/** What was just done, said at the edge of the page for a while, with the way back where there is one. */

export interface Notice {
  /** Rises with each: the same words twice are two notices. */
  n: number;
  text: string;
  /** True where something was not done. */
  failed: boolean;
  undo: (() => void) | null;
  /** What is done as soon as the way back is no longer offered. */
  lapsed: (() => void) | null;
}

let current: Notice | null = null;
let said = 0;
const listeners = new Set<() => void>();

function change(next: Notice | null): void {
  const before = current;
  current = next;
  before?.lapsed?.();
  for (const listener of listeners) listener();
}

/** Says it in place of what was said before. */
export function notify(
  text: string,
  options: { undo?: () => void; lapsed?: () => void; failed?: boolean } = {},
): void {
  said += 1;
  change({
    n: said,
    text,
    failed: options.failed ?? false,
    undo: options.undo ?? null,
    lapsed: options.lapsed ?? null,
  });
}

/** Takes a notice away. A newer one stays. */
export function dismiss(n: number): void {
  if (current?.n === n) change(null);
}

/** Goes back on what was done last, if that is still offered. */
export function undoLast(): void {
  const undo = current?.undo;
  if (!current || !undo) return;
  current = { ...current, lapsed: null };
  change(null);
  undo();
}

export function currentNotice(): Notice | null {
  return current;
}

export function onNotice(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The page goes away, and every way back with it. */
export function lapse(): void {
  if (current) dismiss(current.n);
}
