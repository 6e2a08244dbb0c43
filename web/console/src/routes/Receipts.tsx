import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { listErasures } from "../api/operations";
import type { Erasure } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import { ErasureFacts } from "../components/erasing/ErasureFacts";
import { Proposals } from "../components/erasing/Proposals";
import { Icon } from "../components/Icon";
import { Panes } from "../components/Panes";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { kindWords, meantBy, reached, stagePanes, stages, standing } from "../lib/erasures";
import { formatDate, formatTime, plural, shorten } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { moveRow } from "../lib/rows";
import { useTitle } from "../lib/useTitle";
import "../styles/erasing.css";
import "../styles/recordings.css";

const route = getRouteApi("/shell/trust/receipts");
const help = {
  title: "Receipts",
  lines: [
    { keys: ["J", "K"], does: "Next and previous erasure" },
    { keys: ["Enter"], does: "Open or close it" },
  ],
};

/** What was erased for good: how far each erasure is, and the proof of it. Reading it is on record, so it is read again only when asked. */
export default function Receipts() {
  useTitle("Receipts");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const list = useInfiniteQuery({
    queryKey: ["erasures"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => listErasures({ cursor: pageParam, limit: 50 }, signal),
    getNextPageParam: (last) => last.next_cursor,
  });
  const items = (list.data?.pages ?? []).flatMap((page) => page.items);
  const open = meantBy(items, search);
  return (
    <div className="recs">
      <header className="fh tools">
        <div className="grow">
          <h1>Receipts</h1>
          <p className="ink2">
            What was erased for good, how far each erasure is, and the proof that it is gone.
          </p>
        </div>
        <button type="button" className="b" disabled={list.isFetching} onClick={() => void list.refetch()}>
          Look again
        </button>
      </header>
      <Proposals />
      {list.isPending && <Loading />}
      {list.error && !list.data && (
        <Trouble error={list.error} what="The list of erasures" retry={() => void list.refetch()} />
      )}
      {list.error && list.data && (
        <p className="note attn stale" role="status">
          <Icon name="warn" />
          <span>This list is not the newest: {explain(list.error).lines[0]}</span>
        </p>
      )}
      {list.isSuccess && items.length === 0 && <Nothing />}
      {list.isSuccess && search.of !== undefined && open === null && items.length > 0 && (
        <p className="note stale" role="status">
          <Icon name="search" />
          <span>The erasure you came for is not among those shown. It may stand further down.</span>
        </p>
      )}
      {items.length > 0 && (
        <DataTable
          label="Erasures, newest first"
          columns={columns}
          rows={items}
          rowKey={(erasure) => erasure.id}
          rowLabel={(erasure) => `${kindWords(erasure.kind)}, asked for on ${formatDate(erasure.asked_at)}`}
          detail={(erasure) => <ErasureFacts erasure={erasure} />}
          openKey={open}
          onOpen={(of) => void navigate({ search: of === null ? {} : { of }, replace: true })}
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
            Show older ones
          </button>
        </p>
      )}
    </div>
  );
}

const columns: readonly Column<Erasure>[] = [
  {
    id: "what",
    head: "What",
    kind: "wide",
    cell: (erasure) => (
      <span className="what">
        <b>{kindWords(erasure.kind)}</b> <code className="ink3">{shorten(erasure.target, 8, 4)}</code>
      </span>
    ),
  },
  {
    id: "asked",
    head: "Asked for",
    cell: (erasure) => (
      <span className="num nowrap">
        {formatTime(erasure.asked_at)} <span className="ink3 small">{formatDate(erasure.asked_at)}</span>
      </span>
    ),
  },
  {
    id: "way",
    head: "How far",
    kind: "aside",
    cell: (erasure) => (
      <Panes
        className="steps"
        states={stagePanes(erasure)}
        label={`${reached(erasure)} of ${plural(stages(erasure).length, "step")}`}
      />
    ),
  },
  { id: "state", head: "State", cell: (erasure) => <Standing erasure={erasure} /> },
];

function Standing({ erasure }: { erasure: Erasure }) {
  if (erasure.waits_for !== null) {
    return (
      <span className="tag attn">
        <Icon name="clock" />
        waits
      </span>
    );
  }
  return (
    <span className={erasure.verified_at === null ? "tag" : "tag sealed"}>
      <Icon name={erasure.verified_at === null ? "erase" : "check"} />
      {standing(erasure)}
    </span>
  );
}

function Nothing() {
  return (
    <Empty title="Nothing has been erased">
      <p>
        A recording, a part of one, or everything about somebody can be erased from the list of recordings and
        from the player. How far that is, and the signed receipt, stand here then.
      </p>
    </Empty>
  );
}
