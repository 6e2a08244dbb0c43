import { useState } from "react";
import type { Comment } from "../../api/coaching";
import { draftAt } from "../../lib/drafts";
import { formatClock, formatMoment } from "../../lib/format";
import { Icon } from "../Icon";
import { Person } from "../Person";
import { CommentForm } from "./CommentForm";
import { type Thread, threadsOf } from "./threads";
import { type Comments, taken } from "./useComments";
import "../../styles/comments.css";

interface ThreadsProps {
  comments: Comments;
  /** Null where there is nothing to jump in. */
  onSeek: ((ms: number) => void) | null;
  /** The comment the playhead stands at, or null. */
  now: string | null;
  mayWrite: boolean;
  /** Whether whoever looks may delete what others wrote. */
  mayDelete: boolean;
}

/** What was said about a recording, with its answers. */
export function Threads(props: ThreadsProps) {
  return (
    <ol className="cms">
      {threadsOf(props.comments.items).map((thread) => (
        <One key={thread.first.id} thread={thread} {...props} />
      ))}
    </ol>
  );
}

function One({ thread, ...props }: ThreadsProps & { thread: Thread }) {
  const { first } = thread;
  const draft = { recording: props.comments.recording, field: `answer to ${first.id}` };
  const [answering, setAnswering] = useState(draftAt(draft) !== null);
  const { write } = props.comments;
  const answer = (text: string) =>
    taken(write.mutateAsync({ at_ms: first.at_ms, text, answers: first.id })).then((sent) => {
      if (sent) setAnswering(false);
      return sent;
    });
  return (
    <li
      className={props.now === first.id ? "cm now" : "cm"}
      aria-current={props.now === first.id || undefined}
    >
      <Said comment={first} {...props} />
      {thread.answers.length > 0 && (
        <ol className="cmas" aria-label={`Answers to ${first.author.name}`}>
          {thread.answers.map((each) => (
            <li key={each.id}>
              <Said comment={each} {...props} />
            </li>
          ))}
        </ol>
      )}
      {props.mayWrite &&
        (answering ? (
          <CommentForm
            label={`Answer to ${first.author.name}`}
            draft={draft}
            submit="Answer"
            focus
            error={write.variables?.answers === first.id ? write.error : null}
            onSubmit={answer}
            onCancel={() => setAnswering(false)}
          />
        ) : (
          <button
            type="button"
            className="link small"
            aria-label={`Answer ${first.author.name}`}
            onClick={() => setAnswering(true)}
          >
            Answer
          </button>
        ))}
    </li>
  );
}

function Said({ comment, comments, onSeek, mayWrite, mayDelete }: ThreadsProps & { comment: Comment }) {
  const draft = { recording: comments.recording, field: `change of ${comment.id}` };
  const [editing, setEditing] = useState(draftAt(draft) !== null);
  const { edit, remove } = comments;
  const change = (text: string) =>
    taken(edit.mutateAsync({ comment, text })).then((sent) => {
      if (sent) setEditing(false);
      return sent;
    });
  return (
    <article className="cmsaid" aria-label={`${comment.author.name} at ${formatClock(comment.at_ms * 1000)}`}>
      <Person person={comment.author} />
      <div className="grow">
        <p className="small row">
          <b className="cut">{comment.author.name}</b>
          {comment.answers === null && <Moment comment={comment} onSeek={onSeek} />}
          <span className="grow" />
          {comment.mine && mayWrite && !editing && (
            <button
              type="button"
              className="ib s"
              aria-label="Change your comment"
              title="Change it"
              onClick={() => setEditing(true)}
            >
              <Icon name="pen" small />
            </button>
          )}
          {(comment.mine || mayDelete) && !editing && (
            <button
              type="button"
              className="ib s"
              aria-label={
                comment.mine ? "Delete your comment" : `Delete the comment of ${comment.author.name}`
              }
              title="Delete it"
              onClick={() => remove(comment)}
            >
              <Icon name="bin" small />
            </button>
          )}
        </p>
        {editing ? (
          <CommentForm
            label="Your comment"
            text={comment.text}
            draft={draft}
            submit="Keep the change"
            focus
            error={edit.variables?.comment.id === comment.id ? edit.error : null}
            onSubmit={change}
            onCancel={() => setEditing(false)}
          />
        ) : (
          <p className="cmtext">{comment.text}</p>
        )}
        <p className="micro ink3 num">
          {formatMoment(comment.written_at)}
          {comment.edited_at !== null && ", changed"}
        </p>
      </div>
    </article>
  );
}

function Moment({ comment, onSeek }: { comment: Comment; onSeek: ((ms: number) => void) | null }) {
  const at = formatClock(comment.at_ms * 1000);
  const words = comment.to_ms === null ? at : `${at} to ${formatClock(comment.to_ms * 1000)}`;
  if (!onSeek) return <span className="num ink3">{words}</span>;
  return (
    <button
      type="button"
      className="link num"
      aria-label={`Go to ${words}`}
      onClick={() => onSeek(comment.at_ms)}
    >
      {words}
    </button>
  );
}
