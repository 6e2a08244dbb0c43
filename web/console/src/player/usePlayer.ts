import { useSyncExternalStore } from "react";
import type { PlaySession } from "./session";
import type { PlayerState } from "./state";

/** Part of a session's state, read anew at each change. `select` gives a value that is kept, not made. */
export function usePlayer<T>(session: PlaySession, select: (state: PlayerState) => T): T {
  return useSyncExternalStore(session.subscribe, () => select(session.state));
}
