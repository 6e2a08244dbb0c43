import { useState } from "react";
import { MAY, useAllowed } from "../../api/session";
import { useComments } from "../../components/comments/useComments";
import type { Place } from "../../routes/playerPlace";
import type { PlaySession } from "../session";
import { usePlayer } from "../usePlayer";
import { NEW_COMMENT } from "./CommentsPanel";
import { useClips } from "./useClips";

export type SideName = Place["side"];

/** What stands beside the picture and in lanes of its own. Comments and clips are read when a play is open, or asked for. */
export function useCoaching(session: PlaySession, named: SideName) {
  const id = usePlayer(session, (state) => state.recording.id);
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const mayComment = useAllowed(MAY.comment);
  const mayClip = useAllowed(MAY.clip);
  const sides: SideName[] = [
    "events",
    ...(mayComment ? ["comments" as const] : []),
    ...(mayClip ? ["clips" as const] : []),
  ];
  const [chosen, choose] = useState<SideName>(named);
  const side = sides.includes(chosen) ? chosen : "events";
  const comments = useComments(id, mayComment && (open || side === "comments"));
  const clips = useClips(id, mayClip && (open || side === "clips"));
  return {
    sides,
    side,
    choose,
    comments,
    clips,
    mayClip,
    /** Leads to the field for a comment; null where nothing may be written. */
    write: mayComment
      ? () => {
          choose("comments");
          requestAnimationFrame(() => document.getElementById(NEW_COMMENT)?.focus());
        }
      : null,
  };
}

export type Coaching = ReturnType<typeof useCoaching>;
