/** Comments as they are read: each with its answers below it, in the order of their moments. */
import type { Comment } from "../../api/coaching";

export interface Thread {
  first: Comment;
  answers: Comment[];
}

/** An answer to an answer stands below the same comment; one whose comment is gone stands for itself. */
export function threadsOf(comments: readonly Comment[]): Thread[] {
  const byId = new Map(comments.map((comment) => [comment.id, comment]));
  const threads = new Map<string, Thread>();
  const answers: Comment[] = [];
  for (const comment of comments) {
    if (rootOf(comment, byId) === comment) threads.set(comment.id, { first: comment, answers: [] });
    else answers.push(comment);
  }
  for (const answer of answers) threads.get(rootOf(answer, byId).id)?.answers.push(answer);
  const inOrder = [...threads.values()].sort((a, b) => byMoment(a.first, b.first));
  for (const thread of inOrder) thread.answers.sort(byWriting);
  return inOrder;
}

function rootOf(comment: Comment, byId: ReadonlyMap<string, Comment>): Comment {
  let at = comment;
  // A circle of answers would be somebody else's mistake; it must not hang the page.
  for (let up = 0; up < byId.size; up += 1) {
    const above = at.answers === null ? undefined : byId.get(at.answers);
    if (!above) return at;
    at = above;
  }
  return comment;
}

const byWriting = (a: Comment, b: Comment): number => a.written_at.localeCompare(b.written_at);
const byMoment = (a: Comment, b: Comment): number => a.at_ms - b.at_ms || byWriting(a, b);

/** A list with a comment that was written, changed or not there before. */
export function withComment(comments: readonly Comment[], comment: Comment): Comment[] {
  const others = comments.filter(({ id }) => id !== comment.id);
  return [...others, comment].sort(byMoment);
}
