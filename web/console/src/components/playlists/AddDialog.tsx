import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useId } from "react";
import {
  type ItemName,
  listPlaylists,
  makePlaylist,
  PLAYLIST_LENGTH,
  TITLE_LENGTH,
} from "../../api/coaching";
import { useSession } from "../../api/session";
import { plural } from "../../lib/format";
import { notify } from "../../lib/notices";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { explain, Loading } from "../States";
import { Wrong } from "../Wrong";
import { addItem } from "./changes";
import "../../styles/playlists.css";

interface AddDialogProps {
  item: ItemName;
  /** What is added, as the end of a sentence: `the clip “Refund”`. */
  what: string;
  onClose: () => void;
}

/** Puts a clip or a recording at the end of one of one's own playlists, or of a new one. */
export function AddDialog({ item, what, onClose }: AddDialogProps) {
  const me = useSession().person.id;
  const id = useId();
  const lists = useQuery({ queryKey: ["playlists"], queryFn: ({ signal }) => listPlaylists(signal) });
  const add = useMutation({
    mutationFn: (to: { list: string; title: string } | { title: string }) => addTo(to, item),
    onSuccess: async (said) => {
      notify(said);
      onClose();
      await queryClient.invalidateQueries({ queryKey: ["playlists"] });
    },
  });
  const mine = lists.data?.items.filter(({ made_by }) => made_by.id === me) ?? [];
  const make = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget).get("title") ?? "").trim();
    if (title !== "") add.mutate({ title });
  };
  return (
    <Dialog title="Add to a playlist" isOpen onClose={onClose}>
      <p className="ink2">Puts {what} at its end. Others see it only where they may watch it.</p>
      {lists.isPending && <Loading />}
      {lists.error && (
        <p className="ink2">Your playlists could not be read. {explain(lists.error).lines[0]}</p>
      )}
      <ul className="addto">
        {mine.map((list) => (
          <li key={list.id}>
            <button
              type="button"
              className="mi"
              disabled={add.isPending || list.items + list.hidden >= PLAYLIST_LENGTH}
              onClick={() => add.mutate({ list: list.id, title: list.title })}
            >
              <Icon name="plus" small />
              <span className="grow">{list.title}</span>
              <small>
                {list.items + list.hidden >= PLAYLIST_LENGTH
                  ? "full"
                  : plural(list.items + list.hidden, "item")}
              </small>
            </button>
          </li>
        ))}
      </ul>
      <form className="fld" onSubmit={make}>
        <label htmlFor={id}>{mine.length > 0 ? "Or a new playlist" : "A new playlist"}</label>
        <div className="row">
          <input
            className="in grow"
            id={id}
            name="title"
            maxLength={TITLE_LENGTH}
            required
            placeholder="Its title"
          />
          <button type="submit" className="b lead" disabled={add.isPending}>
            Make it and add
          </button>
        </div>
      </form>
      {add.error && <Wrong error={add.error} what="It was not added." />}
      <div className="row actions">
        <Link className="link small" to="/recordings/playlists">
          All playlists
        </Link>
        <span className="grow" />
        <button type="button" className="b" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}

/** Adds it, and says what came of it. */
async function addTo(
  to: { list: string; title: string } | { title: string },
  item: ItemName,
): Promise<string> {
  const list = "list" in to ? to.list : (await makePlaylist(to.title)).id;
  const added = await addItem(list, item);
  return added ? `It stands at the end of ${to.title}.` : `It is in ${to.title} already.`;
}
