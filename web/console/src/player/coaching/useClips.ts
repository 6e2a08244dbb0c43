import { useMutation, useQuery } from "@tanstack/react-query";
import { type Clip, type ClipList, changeClip, deleteClip, listClips, makeClip } from "../../api/coaching";
import { later } from "../../lib/later";
import { queryClient } from "../../queryClient";

const NONE: readonly Clip[] = [];
const byMoment = (a: Clip, b: Clip): number => a.from_ms - b.from_ms || a.made_at.localeCompare(b.made_at);

/** The clips of a recording, read where they are wanted. */
export function useClips(recording: string, wanted: boolean) {
  const key = ["clips", recording];
  const list = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => listClips(recording, signal),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const set = (change: (items: Clip[]) => Clip[]) =>
    queryClient.setQueryData<ClipList>(key, (old) => old && { items: change(old.items).sort(byMoment) });
  const put = (clip: Clip) => set((items) => [...items.filter(({ id }) => id !== clip.id), clip]);
  const make = useMutation({
    mutationFn: (body: { title: string; from_ms: number; to_ms: number }) => makeClip(recording, body),
    onSuccess: put,
  });
  const change = useMutation({
    mutationFn: ({ clip, to }: { clip: Clip; to: Partial<Pick<Clip, "title" | "from_ms" | "to_ms">> }) =>
      changeClip(clip.id, to),
    onSuccess: (_, { clip, to }) => put({ ...clip, ...to }),
  });
  const remove = (clip: Clip) =>
    later({
      said: `The clip “${clip.title}” is deleted. The recording stays as it is.`,
      failed: `The clip “${clip.title}” was not deleted.`,
      hide: () => set((items) => items.filter(({ id }) => id !== clip.id)),
      show: () => put(clip),
      act: () => deleteClip(clip.id),
    });
  return { list, items: list.data?.items ?? NONE, make, change, remove };
}

export type Clips = ReturnType<typeof useClips>;
