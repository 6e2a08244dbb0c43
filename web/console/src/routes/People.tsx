import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { getTree, listPeople } from "../api/operations";
import { useAllowed } from "../api/session";
import type { Person } from "../api/types";
import { BrokenRows } from "../components/BrokenRows";
import { DataTable } from "../components/DataTable";
import { focusSentence } from "../components/FilterBar";
import { Icon } from "../components/Icon";
import { peopleColumns } from "../components/people/columns";
import { InviteDialog } from "../components/people/InviteDialog";
import { PeopleSentence } from "../components/people/PeopleSentence";
import { PersonFacts } from "../components/people/PersonFacts";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { plural } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { type PeopleSearch, peopleQuery } from "../lib/people";
import { moveRow } from "../lib/rows";
import { useTitle } from "../lib/useTitle";
import "../styles/people.css";
import "../styles/recordings.css";

const route = getRouteApi("/shell/people");
const help = {
  title: "People",
  lines: [
    { keys: ["J", "K"], does: "Next and previous person" },
    { keys: ["Enter"], does: "Open or close them" },
    { keys: ["F"], does: "Change the sentence" },
  ],
};

/** Who belongs to the organisation: roles, to whom they report, and whether they may come in. */
export default function People() {
  useTitle("People");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), f: focusSentence });
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [inviting, setInviting] = useState(false);
  const mayInvite = useAllowed("person.invite");
  const mayReadTree = useAllowed("tree.read");
  const mayReadRoles = useAllowed("role.read");
  const { open: _open, ...asked } = search;
  const list = useInfiniteQuery({
    queryKey: ["people", asked],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      listPeople({ ...peopleQuery(asked), cursor: pageParam, limit: 100 }, signal),
    getNextPageParam: (last) => last.next_cursor,
  });
  const tree = useQuery({
    queryKey: ["tree"],
    queryFn: ({ signal }) => getTree(signal),
    enabled: mayReadTree,
    staleTime: 60_000,
  });
  const items = useMemo(() => (list.data?.pages ?? []).flatMap((page) => page.items), [list.data]);
  const broken = (list.data?.pages ?? []).flatMap((page) => page.broken);
  const nodes = tree.data?.items ?? [];
  const columns = useMemo(() => peopleColumns(items, tree.data?.items ?? []), [items, tree.data]);
  const change = (next: PeopleSearch) => void navigate({ search: next, replace: true });
  return (
    <div className="recs">
      <header className="fh tools">
        <div className="grow">
          <h1 className="vh">People</h1>
          <PeopleSentence
            search={search}
            people={items}
            onChange={change}
            shown={list.isSuccess ? plural(items.length, "person", "people") : ""}
          />
        </div>
        {mayReadRoles && (
          <Link className="b" to="/people/roles">
            Roles
          </Link>
        )}
        {mayReadTree && (
          <Link className="b" to="/people/tree">
            Domains, projects, teams
          </Link>
        )}
        {mayInvite && (
          <button type="button" className="b lead" onClick={() => setInviting(true)}>
            Invite somebody…
          </button>
        )}
      </header>
      {list.isPending && <Loading />}
      {list.error && !list.data && (
        <Trouble error={list.error} what="The list of people" retry={() => void list.refetch()} />
      )}
      {list.error && list.data && (
        <p className="note attn stale" role="status">
          <Icon name="warn" />
          <span>This list is not whole, or not the newest: {explain(list.error).lines[0]}</span>
        </p>
      )}
      <BrokenRows rows={broken} one="person" many="people" />
      {list.isSuccess && items.length + broken.length === 0 && <Nobody onAll={() => change({})} />}
      {items.length > 0 && (
        <DataTable<Person>
          label="People, in the order they were added"
          columns={columns}
          rows={items}
          rowKey={(person) => person.id}
          rowLabel={(person) => person.name}
          detail={(person) => <PersonFacts person={person} people={items} nodes={nodes} />}
          openKey={search.open ?? null}
          onOpen={(open) => change(open === null ? asked : { ...asked, open })}
        />
      )}
      {list.hasNextPage && (
        <p className="more">
          <button
            type="button"
            className="b"
            disabled={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            Show more people
          </button>
        </p>
      )}
      {inviting && <InviteDialog nodes={nodes} onClose={() => setInviting(false)} />}
    </div>
  );
}

function Nobody({ onAll }: { onAll: () => void }) {
  return (
    <Empty
      title="Nobody matches this sentence"
      actions={
        <button type="button" className="b lead" onClick={onAll}>
          Show everybody
        </button>
      }
    >
      <p>You see yourself, those who report to you, and as an Admin everybody of the organisation.</p>
    </Empty>
  );
}
