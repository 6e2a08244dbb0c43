import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { answerView, listViews } from "../api/operations";
import { useAllowed, useSession } from "../api/session";
import type { View } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import { Person } from "../components/Person";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { formatDate, formatTime, shorten } from "../lib/format";
import { useTitle } from "../lib/useTitle";
import "../styles/recordings.css";

/** What people ask to watch where a second person is to agree, and what came of it. */
export default function Views() {
  useTitle("Asked to watch");
  const list = useQuery({ queryKey: ["views"], queryFn: ({ signal }) => listViews(signal) });
  const [open, setOpen] = useState<string | null>(null);
  const items = list.data?.items ?? [];
  return (
    <div className="recs">
      <header className="fh tools">
        <div className="grow">
          <h1>Asked to watch</h1>
          <p className="ink2">
            Where a second person is to agree before a recording is watched: who asks, why, and what came of
            it.
          </p>
        </div>
        <button type="button" className="b" disabled={list.isFetching} onClick={() => void list.refetch()}>
          Look again
        </button>
      </header>
      {list.isPending && <Loading />}
      {list.error && <Trouble error={list.error} what="What is asked" retry={() => void list.refetch()} />}
      {list.isSuccess && items.length === 0 && (
        <Empty title="Nobody asks to watch anything">
          <p>
            The rule <code>view.four_eyes</code> says where a second person is to agree. Whoever wants to
            watch there asks from the recording's page, and it stands here.
          </p>
        </Empty>
      )}
      {items.length > 0 && (
        <DataTable
          label="Askings, newest first"
          columns={columns}
          rows={items}
          rowKey={(view) => view.id}
          rowLabel={(view) => `${view.person.name} asks to watch, ${formatDate(view.asked_at)}`}
          detail={(view) => <Why view={view} />}
          openKey={open}
          onOpen={setOpen}
        />
      )}
    </div>
  );
}

const columns: readonly Column<View>[] = [
  {
    id: "who",
    head: "Who, and why",
    kind: "wide",
    cell: (view) => (
      <span className="what">
        <Person person={view.person} /> <b>{view.person.name}</b>
        {view.about && <span className="ink2"> wants to watch {view.about.label}:</span>}{" "}
        {view.reason ?? <span className="ink3">Why cannot be opened any more.</span>}
      </span>
    ),
  },
  {
    id: "asked",
    head: "Asked",
    cell: (view) => (
      <span className="num nowrap">
        {formatTime(view.asked_at)} <span className="ink3 small">{formatDate(view.asked_at)}</span>
      </span>
    ),
  },
  { id: "answer", head: "Answer", cell: (view) => <Answer view={view} /> },
];

/** What it is about, and where it stands in the log. */
function Why({ view }: { view: View }) {
  const mayRead = useAllowed("recording.read");
  const which = <code>{shorten(view.recording, 8, 4)}</code>;
  return (
    <p>
      {view.about ? `About ${view.about.label}` : "The recording is gone"}
      {view.began_at && `, from ${formatDate(view.began_at)}, ${formatTime(view.began_at)}`}:{" "}
      {mayRead ? (
        <Link to="/recordings/$id" params={{ id: view.recording }} search={{}}>
          {which}
        </Link>
      ) : (
        which
      )}
      . {view.state === "allowed" ? "It may begin until" : "It waits for an answer until"}{" "}
      {formatTime(view.ends_at)}, {formatDate(view.ends_at)}. On record as entry {view.entry}.
    </p>
  );
}

/** The two answers while it waits for one of somebody else, or what came of it. */
function Answer({ view }: { view: View }) {
  const own = useSession().person.id === view.person.id;
  const client = useQueryClient();
  const answer = useMutation({
    mutationFn: (word: "allowed" | "refused") => answerView(view.id, word),
    onSettled: () => client.invalidateQueries({ queryKey: ["views"] }),
  });
  if (view.state === "over") return <span className="ink3">Nobody answered within a day</span>;
  if (view.state !== "waiting") {
    return (
      <span>
        {view.state === "allowed" ? "Agreed" : "Not agreed"}{" "}
        <span className="ink3 small">{view.answered_by?.name}</span>
      </span>
    );
  }
  if (own) return <span className="ink3">Waits for somebody else</span>;
  return (
    <span className="row">
      <button
        type="button"
        className="b lead"
        disabled={answer.isPending}
        onClick={() => answer.mutate("allowed")}
      >
        Agree
      </button>
      <button
        type="button"
        className="b"
        disabled={answer.isPending}
        onClick={() => answer.mutate("refused")}
      >
        Do not agree
      </button>
      {answer.error && <span role="alert">{explain(answer.error).lines[0]}</span>}
    </span>
  );
}
