import { useEffect, useSyncExternalStore } from "react";
import type { KeyLine } from "./keys";

/** The keys of one screen, as the help under `?` lists them. */
export interface KeyGroup {
  title: string;
  lines: readonly KeyLine[];
}

let groups: readonly KeyGroup[] = [];
const listeners = new Set<() => void>();

function change(next: readonly KeyGroup[]): void {
  groups = next;
  for (const listener of listeners) listener();
}

/** Lists a screen's keys under `?` while the screen is shown. `group` must not change between renders. */
export function useKeyHelp(group: KeyGroup): void {
  useEffect(() => {
    change([...groups, group]);
    return () => change(groups.filter((other) => other !== group));
  }, [group]);
}

export function useKeyGroups(): readonly KeyGroup[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => groups,
  );
}
