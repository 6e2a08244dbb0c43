import { useMutation, useQuery } from "@tanstack/react-query";
import {
  type Comment,
  type CommentList,
  deleteComment,
  editComment,
  listComments,
  type NewComment,
  writeComment,
} from "../../api/coaching";
import { later } from "../../lib/later";
import { queryClient } from "../../queryClient";
import { withComment } from "./threads";

const key = (recording: string) => ["comments", recording];
const NONE: readonly Comment[] = [];

/**
 * The comments of a recording. Reading them is put on record, so that they are read once where they are wanted, and what
 * is written here is put among them.
 */
export function useComments(recording: string, wanted: boolean) {
  const list = useQuery({
    queryKey: key(recording),
    queryFn: ({ signal }) => listComments(recording, signal),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const set = (change: (items: Comment[]) => Comment[]) =>
    queryClient.setQueryData<CommentList>(key(recording), (old) => old && { items: change(old.items) });
  const write = useMutation({
    mutationFn: (body: NewComment) => writeComment(recording, body),
    onSuccess: (comment) => set((items) => withComment(items, comment)),
  });
  const edit = useMutation({
    mutationFn: ({ comment, text }: { comment: Comment; text: string }) => editComment(comment.id, text),
    onSuccess: (_, { comment, text }) =>
      set((items) => withComment(items, { ...comment, text, edited_at: new Date().toISOString() })),
  });
  const remove = (comment: Comment) =>
    later({
      said: comment.mine ? "Your comment is deleted." : `The comment of ${comment.author.name} is deleted.`,
      failed: "The comment was not deleted.",
      hide: () => set((items) => items.filter(({ id }) => id !== comment.id)),
      show: () => set((items) => withComment(items, comment)),
      act: () => deleteComment(comment.id),
    });
  return { recording, list, items: list.data?.items ?? NONE, write, edit, remove };
}

export type Comments = ReturnType<typeof useComments>;

/** Sends, and says whether it was taken. What went wrong is in the mutation. */
export async function taken(sending: Promise<unknown>): Promise<boolean> {
  try {
    await sending;
    return true;
  } catch {
    return false;
  }
}
