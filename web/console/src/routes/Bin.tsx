import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type BinItem, type Bin as BinPage, listDeletions } from "../api/keeping";
import { useAllowed } from "../api/session";
import { type Column, DataTable } from "../components/DataTable";
import { BinFacts } from "../components/erasing/BinFacts";
import { restoreFromBin } from "../components/erasing/deleting";
import { EraseDialog } from "../components/erasing/EraseDialog";
import { Icon } from "../components/Icon";
import { Panes } from "../components/Panes";
import { Empty, Loading, Trouble } from "../components/States";
import { formatDate, formatMoment, plural, timeLeft } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { leftPanes } from "../lib/left";
import { whereLine } from "../lib/recording";
import { moveRow } from "../lib/rows";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/erasing.css";
import "../styles/recordings.css";

const route = getRouteApi("/shell/recordings/bin");
const help = {
  title: "Recycle bin",
  lines: [
    { keys: ["J", "K"], does: "Next and previous recording" },
    { keys: ["Enter"], does: "Open or close it" },
    { keys: ["Z"], does: "Undo what was just done" },
  ],
};

/** What was deleted and can still be restored. Reading it is on record, so it is read again only when asked. */
export default function Bin() {
  useTitle("Recycle bin");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const { open } = route.useSearch();
  const navigate = route.useNavigate();
  const now = useNow(60_000);
  const [erasing, setErasing] = useState<BinItem | null>(null);
  const mayErase = useAllowed("recording.erase");
  const list = useBin();
  const items = useMemo(() => (list.data?.pages ?? []).flatMap((page) => page.items), [list.data]);
  const columns = useMemo(() => columnsAt(now), [now]);
  return (
    <div className="recs">
      <header className="fh tools">
        <Link className="ib" to="/recordings" aria-label="Back to recordings">
          <Icon name="back" />
        </Link>
        <div className="grow">
          <h1>Recycle bin</h1>
          <p className="ink2">
            What was deleted and can be restored. When its time has passed it is erased for good, by itself.
          </p>
        </div>
        {items.length > 0 && (
          <span className="ink3 num nowrap" role="status">
            {plural(items.length, "recording")} shown
          </span>
        )}
      </header>
      {list.error && !list.data && (
        <Trouble error={list.error} what="The recycle bin" retry={() => void list.refetch()} />
      )}
      {list.isPending && <Loading />}
      {list.isSuccess && items.length === 0 && <Nothing />}
      {items.length > 0 && (
        <DataTable<BinItem>
          label="Deleted recordings"
          columns={columns}
          rows={items}
          rowKey={(item) => item.recording.id}
          rowLabel={(item) =>
            `Recording of ${item.recording.subject.label}, deleted on ${formatDate(item.deleted_at)}`
          }
          detail={(item) => <BinFacts item={item} onErase={mayErase ? () => setErasing(item) : null} />}
          openKey={open ?? null}
          onOpen={(key) => void navigate({ search: key === null ? {} : { open: key }, replace: true })}
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
      {erasing && (
        <EraseDialog
          recording={erasing.recording}
          onClose={() => setErasing(null)}
          onErased={() => void navigate({ search: {}, replace: true })}
        />
      )}
    </div>
  );
}

/** The bin by pages. */
function useBin() {
  return useInfiniteQuery({
    queryKey: ["deletions"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => nextPage(pageParam, signal),
    getNextPageParam: (last) => last.next_cursor,
  });
}

/** A page may hold nothing that one may see and still not be the last: those are passed over. */
async function nextPage(cursor: string | null, signal: AbortSignal): Promise<BinPage> {
  let page = await listDeletions({ cursor, limit: 50 }, signal);
  while (page.items.length === 0 && page.next_cursor !== null) {
    page = await listDeletions({ cursor: page.next_cursor, limit: 50 }, signal);
  }
  return page;
}

function columnsAt(now: Date): readonly Column<BinItem>[] {
  return [
    {
      id: "what",
      head: "Who and where",
      kind: "wide",
      cell: ({ recording }) => (
        <span className="what">
          <b>{recording.subject.label}</b> <span className="small ink3 cut">{whereLine(recording)}</span>
        </span>
      ),
    },
    {
      id: "deleted",
      head: "Deleted",
      kind: "aside",
      cell: (item) => (
        <span className="nowrap">
          <span className="num" title={formatMoment(item.deleted_at)}>
            {formatDate(item.deleted_at)}
          </span>{" "}
          <span className="ink3 small">by {item.deleted_by?.name ?? "the program"}</span>
        </span>
      ),
    },
    {
      id: "left",
      head: "Can be restored for",
      cell: (item) => {
        const left = timeLeft(item.restorable_until, now);
        return (
          <span className="binleft" title={`Until ${formatMoment(item.restorable_until)}`}>
            <Panes className="steps" states={leftPanes(item.deleted_at, item.restorable_until, now)} />
            <span className={left.soon ? "num nowrap soon" : "num nowrap"}>{left.text}</span>
          </span>
        );
      },
    },
    {
      id: "restore",
      head: "Restore",
      hidden: true,
      cell: ({ recording }) => <Restore recording={recording} />,
    },
  ];
}

function Restore({ recording }: Pick<BinItem, "recording">) {
  const [busy, setBusy] = useState(false);
  return (
    <button
      type="button"
      className="b s"
      disabled={busy}
      aria-label={`Restore the recording of ${recording.subject.label}`}
      onClick={(event) => {
        event.stopPropagation();
        setBusy(true);
        void restoreFromBin(recording).finally(() => setBusy(false));
      }}
    >
      Restore
    </button>
  );
}

function Nothing() {
  return (
    <Empty
      title="The recycle bin is empty"
      actions={
        <Link className="b" to="/recordings">
          Go to Recordings
        </Link>
      }
    >
      <p>
        What you delete from the list of recordings or from the player lies here for one month, unless your
        organisation says otherwise, and comes back as it was when you restore it.
      </p>
    </Empty>
  );
}
