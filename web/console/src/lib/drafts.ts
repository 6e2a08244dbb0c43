/**
 * What somebody began to write about a recording and has not sent. It waits for them whatever else they look at meanwhile,
 * in memory alone, and is gone when they sign out.
 */
import { useSyncExternalStore } from "react";
import { sessionQuery } from "../api/session";
import { queryClient } from "../queryClient";

export interface Draft {
  text: string;
  /** The moment at which they began, in milliseconds of the recording, where it is about one. */
  atMs: number | null;
}

/** One field beside a recording. */
export interface DraftPlace {
  recording: string;
  field: string;
}

/** A comment on what is shown. */
export const newComment = (recording: string): DraftPlace => ({ recording, field: "comment" });
/** The title of a clip. */
export const newClip = (recording: string): DraftPlace => ({ recording, field: "clip" });

const kept = new Map<string, Draft>();
const listeners = new Set<() => void>();
const keyOf = ({ recording, field }: DraftPlace): string => `${recording} ${field}`;

function changed(): void {
  for (const listener of listeners) listener();
}

queryClient.getQueryCache().subscribe(({ type, query }) => {
  if (type !== "removed" || query.queryHash !== JSON.stringify(sessionQuery.queryKey)) return;
  kept.clear();
  changed();
});

export const draftAt = (place: DraftPlace): Draft | null => kept.get(keyOf(place)) ?? null;

/** Keeps what is written. The moment is that of the first letter: what is recorded may go on meanwhile. */
export function keepDraft(place: DraftPlace, text: string, atMs: number | null = null): void {
  kept.set(keyOf(place), { text, atMs: draftAt(place)?.atMs ?? atMs });
  changed();
}

/** It is sent, or not wanted any more. */
export function dropDraft(place: DraftPlace): void {
  if (kept.delete(keyOf(place))) changed();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What is begun in a field, or null. */
export function useDraft(place: DraftPlace): Draft | null {
  return useSyncExternalStore(subscribe, () => draftAt(place));
}
