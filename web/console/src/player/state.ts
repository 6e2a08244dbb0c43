/** What the player's page shows, as one value. Times are recording time in milliseconds. */
import type { ApiError } from "../api/client";
import type { PlayedClip } from "../api/coaching";
import type { Gap, Problem, Recording } from "../api/types";
import type { Play } from "./api";
import type { Marked } from "./clip";
import type { Peaks } from "./film/peaks";
import type { Mark } from "./lane";
import type { SegmentState } from "./segments";
import type { Range } from "./watched";

export const SPEEDS = [0.5, 1, 2, 4, 8] as const;

export type Phase =
  | { kind: "sealed" }
  | { kind: "reason"; problem: Problem; busy: boolean }
  | { kind: "beginning" }
  | { kind: "open"; play: Play; since: string; reason: string | null }
  | { kind: "refused"; error: ApiError }
  | { kind: "revoked"; problem: Problem }
  | { kind: "ended"; by: "you" | "time" }
  | { kind: "failed"; error: unknown };

export type Following = "no" | "behind" | "edge" | "asking";

export interface PlayerState {
  phase: Phase;
  recording: Recording;
  trackId: string | null;
  /** Which of several tabs is shown: the one the visitor was in, or one that was chosen. */
  tab: "visitor" | "chosen";
  atMs: number;
  /** What was asked for: playing goes on by itself when what it waits for has come. */
  wantsPlay: boolean;
  /** Playing, and waiting for segments. */
  waiting: boolean;
  speed: number;
  skipIdle: boolean;
  /** Whether sound is opened and heard, where there is any. */
  sound: boolean;
  viewport: { width: number; height: number } | null;
  /** Whether a picture is on the stage. */
  picture: boolean;
  segments: ReadonlyMap<string, SegmentState>;
  marks: readonly Mark[];
  /** How loud it is, as far as sound is opened. */
  peaks: readonly Peaks[];
  gap: { gap: Gap; goesOn: boolean } | null;
  following: Following;
  /** What was watched in this play. */
  watched: readonly Range[];
  trouble: string | null;
  /** The clip that is played alone, as soon as its play is begun. */
  clip: PlayedClip | null;
  /** The part that is being marked. */
  marked: Marked;
}
