import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import {
  deletePlaylist,
  type PlaylistLine,
  type Playlist as PlaylistShape,
  TITLE_LENGTH,
} from "../api/coaching";
import { Icon } from "../components/Icon";
import { changeList, removeItem, usePlaylist } from "../components/playlists/changes";
import { hiddenWords, itemAddress, itemLength } from "../components/playlists/items";
import { Order } from "../components/playlists/Order";
import { RecordingsNav } from "../components/recordings/RecordingsNav";
import { Empty, Loading, Trouble } from "../components/States";
import { formatSpan, plural } from "../lib/format";
import { later } from "../lib/later";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/playlists.css";

const route = getRouteApi("/shell/recordings/playlists/$id");

/** One playlist: what is in it, in which order, and the way to play it through. */
export default function Playlist() {
  const { id } = route.useParams();
  const { query, list } = usePlaylist(id);
  useTitle(list?.title ?? "Playlist");
  return (
    <>
      <RecordingsNav />
      {query.isPending && <Loading />}
      {query.error && !query.data && (
        <Trouble error={query.error} what="The playlist" retry={() => void query.refetch()} />
      )}
      {list && <Whole list={list} />}
    </>
  );
}

function Whole({ list }: { list: PlaylistShape }) {
  const navigate = useNavigate();
  const [first] = list.items;
  const length = list.items.reduce((sum, item) => sum + itemLength(item), 0);
  const order = (items: PlaylistShape["items"]) => void changeList(list.id, { items });
  const remove = (at: number) => void removeItem(list, at);
  const erase = () => {
    const set = (to: (items: PlaylistLine[]) => PlaylistLine[]) =>
      queryClient.setQueryData<{ items: PlaylistLine[] }>(
        ["playlists"],
        (old) => old && { items: to(old.items) },
      );
    later({
      said: `The playlist ${list.title} is deleted. What was in it stays.`,
      failed: `The playlist ${list.title} was not deleted.`,
      hide: () => {
        set((items) => items.filter(({ id }) => id !== list.id));
        void navigate({ to: "/recordings/playlists" });
      },
      show: () => void queryClient.invalidateQueries({ queryKey: ["playlists"] }),
      act: () => deletePlaylist(list.id),
    });
  };
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <Title list={list} />
          <p>
            {plural(list.items.length, "item")}
            {length > 0 && `, ${formatSpan(length)}`}, by {list.mine ? "you" : list.made_by.name}.
            {list.hidden > 0 && ` There ${list.hidden === 1 ? "is" : "are"} ${hiddenWords(list.hidden)}.`}
          </p>
        </div>
        <div className="row">
          {list.mine && (
            <button
              type="button"
              className="ib"
              aria-label="Delete this playlist"
              title="Delete it"
              onClick={erase}
            >
              <Icon name="bin" />
            </button>
          )}
          {first && (
            <Link className="b lead" {...itemAddress(first, list.id, 0)}>
              <Icon name="play" />
              Play all
            </Link>
          )}
        </div>
      </header>
      {list.items.length === 0 ? (
        <Empty
          title={list.hidden > 0 ? "Nothing in it is for you" : "Nothing is in it yet"}
          slim
          actions={
            <Link className="b" to="/recordings" search={{}}>
              Go to Recordings
            </Link>
          }
        >
          <p>
            {list.hidden > 0
              ? "You may watch none of the recordings in this playlist."
              : "Open a recording, make a clip of it, and press Add."}
          </p>
        </Empty>
      ) : (
        <Order list={list} onOrder={order} onRemove={remove} />
      )}
    </div>
  );
}

/** The title; whoever made it can change it in place. */
function Title({ list }: { list: PlaylistShape }) {
  const [editing, setEditing] = useState(false);
  if (!editing) {
    return (
      <div className="row">
        <h1 className="cut">{list.title}</h1>
        {list.mine && (
          <button
            type="button"
            className="ib s"
            aria-label="Change the title"
            title="Change the title"
            onClick={() => setEditing(true)}
          >
            <Icon name="pen" small />
          </button>
        )}
      </div>
    );
  }
  const keep = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget).get("title") ?? "").trim();
    if (title === "" || title === list.title) setEditing(false);
    // Where it was not taken, what was typed stays there.
    else void changeList(list.id, { title }).then((done) => done && setEditing(false));
  };
  return (
    <form className="row" onSubmit={keep}>
      <h1 className="vh">{list.title}</h1>
      <input
        className="in grow"
        name="title"
        aria-label="Title of the playlist"
        defaultValue={list.title}
        maxLength={TITLE_LENGTH}
        required
        // It stands in the place of the title that was just pressed.
        // biome-ignore lint/a11y/noAutofocus: see above
        autoFocus
        onKeyDown={(event) => event.key === "Escape" && setEditing(false)}
      />
      <button type="submit" className="b lead">
        Keep
      </button>
      <button type="button" className="b" onClick={() => setEditing(false)}>
        Cancel
      </button>
    </form>
  );
}
