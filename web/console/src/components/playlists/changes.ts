/**
 * Changes of a playlist. What is changed is shown at once and sent when what was sent before it is answered, so that no
 * order overtakes another; what the server answers is what the list is.
 */
import { useMutationState, useQuery } from "@tanstack/react-query";
import { changePlaylist, getPlaylist, type ItemName, type Playlist } from "../../api/coaching";
import { notify } from "../../lib/notices";
import { queryClient } from "../../queryClient";
import { explain } from "../States";
import { itemKey, nameOf, putBack } from "./items";

/** What a playlist is to be. Items are all that whoever changes it sees, in their order. */
export type Change = Partial<Pick<Playlist, "title" | "items">>;

const keyOf = (list: string) => ["playlist", list];
const waiting = (list: string) => ({ mutationKey: keyOf(list), status: "pending" as const });
const changed = (list: Playlist, changes: readonly Change[]): Playlist => Object.assign({}, list, ...changes);

/** A playlist, with what is on its way to the server. */
export function usePlaylist(id: string) {
  const query = useQuery({ queryKey: keyOf(id), queryFn: ({ signal }) => getPlaylist(id, signal) });
  const changes = useMutationState({
    filters: waiting(id),
    select: ({ state }) => state.variables as Change,
  });
  return { query, list: query.data && changed(query.data, changes) };
}

/** What is on its way, in its order. */
const onTheWay = (id: string): Change[] =>
  queryClient
    .getMutationCache()
    .findAll(waiting(id))
    .map(({ state }) => state.variables as Change);

/** Sends it when its turn comes. The server's answer is put in place of what was known. */
function inTurn<T extends Playlist | null>(id: string, change: Change, send: () => Promise<T>): Promise<T> {
  const mutation = queryClient.getMutationCache().build<T, Error, Change, unknown>(queryClient, {
    mutationKey: keyOf(id),
    scope: { id: `playlist ${id}` },
    mutationFn: send,
    onSuccess: async (answer) => {
      if (answer === null) return;
      // A reading that began before the change would say what was before it.
      await queryClient.cancelQueries({ queryKey: keyOf(id) });
      queryClient.setQueryData<Playlist>(keyOf(id), answer);
      void queryClient.invalidateQueries({ queryKey: ["playlists"] });
    },
    onError: async () => {
      // What waits behind it brings an answer of its own.
      if (onTheWay(id).length === 1) await queryClient.invalidateQueries({ queryKey: keyOf(id) });
    },
  });
  return mutation.execute(change);
}

/** Changes it, and resolves to whether it was taken. Where it was not, that is said, unless what follows contains it. */
export async function changeList(id: string, change: Change): Promise<boolean> {
  const { title, items } = change;
  const body = {
    ...(title === undefined ? {} : { title }),
    ...(items === undefined ? {} : { items: items.map(nameOf) }),
  };
  try {
    await inTurn(id, change, () => changePlaylist(id, body));
    return true;
  } catch (error) {
    const later = onTheWay(id);
    if (Object.keys(change).every((part) => later.some((other) => part in other))) return false;
    notify(`The playlist stays as it was. ${explain(error).lines.join(" ")}`, { failed: true });
    return false;
  }
}

/** Takes out the item at this place. The way back puts it into the order that there is by then. */
export async function removeItem(list: Playlist, at: number): Promise<void> {
  const item = list.items[at];
  if (!item) return;
  const taken = await changeList(list.id, { items: list.items.filter((_, n) => n !== at) });
  if (!taken) return;
  const undo = () => {
    const known = queryClient.getQueryData<Playlist>(keyOf(list.id));
    if (!known) return;
    const { items } = changed(known, onTheWay(list.id));
    void changeList(list.id, { items: putBack(items, list.items, at) });
  };
  notify("It is out of the playlist. The recording stays as it is.", { undo });
}

/** Puts an item at the end of what is in the list when its turn comes; false where it is in it already. */
export async function addItem(id: string, item: ItemName): Promise<boolean> {
  const answer = await inTurn(id, {}, async () => {
    const { items } = await getPlaylist(id);
    if (items.some((other) => itemKey(other) === itemKey(item))) return null;
    return changePlaylist(id, { items: [...items.map(nameOf), item] });
  });
  return answer !== null;
}
