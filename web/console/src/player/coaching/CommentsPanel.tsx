import { type ReactNode, useState } from "react";
import { MAY, useAllowed } from "../../api/session";
import type { Session } from "../../api/types";
import { CommentForm } from "../../components/comments/CommentForm";
import { Threads } from "../../components/comments/Threads";
import { threadsOf } from "../../components/comments/threads";
import { type Comments, taken } from "../../components/comments/useComments";
import { Loading } from "../../components/States";
import { newComment, useDraft } from "../../lib/drafts";
import { formatClock } from "../../lib/format";
import { partOf, partWords } from "../clip";
import type { PlaySession } from "../session";
import { usePlayer } from "../usePlayer";
import { Unread } from "./Unread";

/** Where the key C leads. */
export const NEW_COMMENT = "new-comment";
/** A comment without an end is about this long. */
const STANDS_MS = 5_000;

interface CommentsPanelProps {
  session: PlaySession;
  person: Session["person"];
  comments: Comments;
}

/** What was said about this recording, beside the picture, and a field to say something at the playhead. */
export function CommentsPanel({ session, person, comments }: CommentsPanelProps) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const subject = usePlayer(session, (state) => state.recording.subject);
  const now = usePlayer(session, (state) => (open ? commentAt(comments, state.atMs) : null));
  const mayWrite = useAllowed(MAY.comment);
  const mayDelete = useAllowed("recording.delete");
  const { list } = comments;
  return (
    <div className="panel">
      <div className="pbody">
        {list.isPending && <Loading />}
        {list.error && <Unread what="The comments" error={list.error} retry={() => void list.refetch()} />}
        {list.data && comments.items.length === 0 && (
          <p className="ishut small">Nobody has said anything about this recording.</p>
        )}
        <Threads
          comments={comments}
          onSeek={open ? session.seek : null}
          now={now}
          mayWrite={mayWrite}
          mayDelete={mayDelete}
        />
      </div>
      {mayWrite && list.data && (
        <Write session={session} comments={comments}>
          <SeenBy subject={subject} own={subject.person === person.id} />
        </Write>
      )}
    </div>
  );
}

/** Whoever is spoken about is told who reads it, and whoever speaks knows that they read it. */
function SeenBy({
  subject,
  own,
}: {
  subject: { label: string; person?: string | null | undefined };
  own: boolean;
}) {
  const words = own
    ? "This recording shows you. You see every comment on it, and can answer."
    : subject.person
      ? `${subject.label} can read it and answer, where people may watch what is about themselves.`
      : "Whoever may comment on this recording can read it.";
  return <p className="small ink3">{words}</p>;
}

function Write({
  session,
  comments,
  children,
}: {
  session: PlaySession;
  comments: Comments;
  children: ReactNode;
}) {
  // The moment is that at which somebody began to write: the picture may go on meanwhile.
  const draft = newComment(comments.recording);
  const pinned = useDraft(draft)?.atMs ?? null;
  const [whole, setWhole] = useState(false);
  const atMs = usePlayer(session, (state) => Math.floor(state.atMs / 1000) * 1000);
  const part = usePlayer(session, (state) => state.marked);
  const marked = partOf(part);
  const { write } = comments;
  const send = (text: string) => {
    const at = marked && whole ? { at_ms: marked.from_ms, to_ms: marked.to_ms } : { at_ms: pinned ?? atMs };
    return taken(write.mutateAsync({ ...at, text }));
  };
  const at = formatClock((pinned ?? atMs) * 1000);
  return (
    <div className="pfoot">
      <CommentForm
        id={NEW_COMMENT}
        label={`Comment at ${at}`}
        placeholder="Say something about this moment"
        submit="Send"
        draft={draft}
        // Not rounded: the last moment would come to lie beyond the end.
        nowMs={() => Math.floor(session.state.atMs)}
        onSubmit={send}
        error={write.variables?.answers === undefined ? write.error : null}
      >
        <p className="small ink2">
          About{" "}
          <b className="num">{marked && whole ? `the part from ${partWords(marked)}` : `the moment ${at}`}</b>
        </p>
        {marked && (
          <label className="row small">
            <input type="checkbox" checked={whole} onChange={(event) => setWhole(event.target.checked)} />
            About the marked part, {partWords(marked)}
          </label>
        )}
      </CommentForm>
      {children}
    </div>
  );
}

/** The comment a moment belongs to: the last one that began, as long as it goes on. */
function commentAt({ items }: Comments, atMs: number): string | null {
  const threads = threadsOf(items);
  const found = threads.findLast(({ first }) => first.at_ms <= atMs + 50)?.first;
  if (!found || atMs > (found.to_ms ?? found.at_ms + STANDS_MS)) return null;
  return found.id;
}
