import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useId, useState } from "react";
import { listPlaylists, makePlaylist, type PlaylistLine, TITLE_LENGTH } from "../api/coaching";
import { useSession } from "../api/session";
import { Dialog } from "../components/Dialog";
import { Icon } from "../components/Icon";
import { hiddenWords } from "../components/playlists/items";
import { RecordingsNav } from "../components/recordings/RecordingsNav";
import { Empty, Loading, Trouble } from "../components/States";
import { Wrong } from "../components/Wrong";
import { formatDate, plural } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { moveRow } from "../lib/rows";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/playlists.css";

const help = {
  title: "Playlists",
  lines: [
    { keys: ["J", "K"], does: "Next and previous playlist" },
    { keys: ["Enter"], does: "Open it" },
  ],
};

/** Clips and recordings in an order somebody chose. */
export default function Playlists() {
  useTitle("Playlists");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const [making, setMaking] = useState(false);
  const lists = useQuery({ queryKey: ["playlists"], queryFn: ({ signal }) => listPlaylists(signal) });
  const items = lists.data?.items ?? [];
  const make = (
    <button type="button" className="b lead" onClick={() => setMaking(true)}>
      <Icon name="plus" />
      Make a playlist
    </button>
  );
  return (
    <>
      <RecordingsNav />
      <div className="pagew narrow">
        <header className="ph1">
          <div className="grow">
            <h1>Playlists</h1>
            <p>
              Clips and recordings in an order, to be played one after another. Everybody sees of them only
              what they may watch; a clip goes with its recording.
            </p>
          </div>
          {items.length > 0 && make}
        </header>
        {lists.isPending && <Loading />}
        {lists.error && !lists.data && (
          <Trouble error={lists.error} what="The playlists" retry={() => void lists.refetch()} slim />
        )}
        {lists.isSuccess && items.length === 0 && (
          <Empty title="There is no playlist yet" slim actions={make}>
            <p>Make one here, then add clips to it in the player.</p>
          </Empty>
        )}
        {items.length > 0 && (
          <ul className="card queue">
            {items.map((list) => (
              <Line key={list.id} list={list} />
            ))}
          </ul>
        )}
        {making && <MakeDialog onClose={() => setMaking(false)} />}
      </div>
    </>
  );
}

function Line({ list }: { list: PlaylistLine }) {
  const own = useSession().person.id === list.made_by.id;
  return (
    <li>
      <Icon name="list" />
      <Link className="ql grow" to="/recordings/playlists/$id" params={{ id: list.id }} data-row={list.id}>
        <b className="cut">{list.title}</b>
        <span className="small ink3 num">
          {plural(list.items, "item")}
          {list.hidden > 0 && `, ${hiddenWords(list.hidden)}`}. By {own ? "you" : list.made_by.name},{" "}
          {formatDate(list.made_at)}
        </span>
      </Link>
    </li>
  );
}

function MakeDialog({ onClose }: { onClose: () => void }) {
  const id = useId();
  const navigate = useNavigate();
  const make = useMutation({
    mutationFn: makePlaylist,
    onSuccess: async (made) => {
      void queryClient.invalidateQueries({ queryKey: ["playlists"] });
      onClose();
      await navigate({ to: "/recordings/playlists/$id", params: { id: made.id } });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget).get("title") ?? "").trim();
    if (title !== "") make.mutate(title);
  };
  return (
    <Dialog title="Make a playlist" isOpen onClose={onClose}>
      <form className="fld" onSubmit={submit}>
        <label htmlFor={id}>Its title</label>
        <input className="in" id={id} name="title" maxLength={TITLE_LENGTH} required />
        <span className="help">Everybody who may have playlists reads it.</span>
        {make.error && <Wrong error={make.error} what="No playlist was made." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={make.isPending}>
            Make it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
