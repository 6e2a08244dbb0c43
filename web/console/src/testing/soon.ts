import { vi } from "vitest";

/** Waits until this no longer throws: as long as a machine may take that does other things besides. */
export const soon = <T>(look: () => T | Promise<T>): Promise<T> => vi.waitFor(look, { timeout: 30_000 });
