import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";
import { getAuditEntry, listAudit } from "../api/operations";
import type { AuditItem } from "../api/types";
import { AuditEntry } from "../components/audit/AuditEntry";
import { AuditSentence } from "../components/audit/AuditSentence";
import { ChainCheck } from "../components/audit/ChainCheck";
import { auditColumns } from "../components/audit/columns";
import { LedgerCheck } from "../components/audit/LedgerCheck";
import { TakeAlong } from "../components/audit/TakeAlong";
import { DataTable } from "../components/DataTable";
import { focusSentence } from "../components/FilterBar";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { type AuditSearch, auditQuery } from "../lib/auditFilter";
import { formatCount, plural } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { moveRow } from "../lib/rows";
import { useTitle } from "../lib/useTitle";
import "../styles/recordings.css";

const route = getRouteApi("/shell/trust/audit");
const help = {
  title: "Audit",
  lines: [
    { keys: ["J", "K"], does: "Next and previous entry" },
    { keys: ["Enter"], does: "Open or close the entry" },
    { keys: ["F"], does: "Change the sentence" },
  ],
};

/** Every decision, in the order they were made: what was asked, by whom, and what the answer was. */
export default function Audit() {
  useTitle("Audit");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), f: focusSentence });
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const list = useAudit(search);
  const items = useMemo(() => (list.data?.pages ?? []).flatMap((page) => page.items), [list.data]);
  // The newest entries may still wait for their leaf; the opened one is what somebody asks about.
  const looked = items.find((entry) => entry.number === search.entry) ?? list.data?.pages[0]?.items.at(-1);
  const change = (next: AuditSearch) => void navigate({ search: next, replace: true });
  const open = (key: string | null) => {
    const { entry: _closed, ...rest } = search;
    change(key === null ? rest : { ...rest, entry: Number(key) });
  };
  return (
    <div className="recs">
      <header className="fh">
        <h1 className="vh">Audit</h1>
        <AuditSentence
          search={search}
          items={items}
          onChange={change}
          shown={plural(items.length, "entry", "entries")}
        />
      </header>
      <ChainCheck head={list.data?.pages[0]?.head ?? null} />
      {looked && <LedgerCheck entry={looked} />}
      <TakeAlong search={search} />
      {list.isPending && <Loading />}
      {list.isError && !list.data && (
        <Trouble error={list.error} what="The audit log" retry={() => void list.refetch()} />
      )}
      {list.isSuccess && items.length === 0 && <NoEntries onAll={() => change({})} />}
      <Elsewhere number={search.entry} items={items} ready={list.isSuccess} onClose={() => open(null)} />
      {items.length > 0 && <Table items={items} open={search.entry ?? null} onOpen={open} />}
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

function useAudit(search: AuditSearch) {
  const { entry: _open, ...asked } = search;
  return useInfiniteQuery({
    queryKey: ["audit", asked],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      listAudit({ ...auditQuery(asked, new Date()), cursor: pageParam, limit: 50 }, signal),
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });
}

interface ElsewhereProps {
  number: number | undefined;
  items: readonly AuditItem[];
  ready: boolean;
  onClose: () => void;
}

/** The entry an address names, where it is not among those on the screen. */
function Elsewhere({ number, items, ready, onClose }: ElsewhereProps) {
  const wanted = ready && number !== undefined && !items.some((entry) => entry.number === number);
  const found = useQuery({
    queryKey: ["audit-entry", number],
    queryFn: ({ signal }) => getAuditEntry(number ?? 0, signal),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!wanted || number === undefined) return null;
  return (
    <section className="elsewhere" aria-label={`Entry ${number}`}>
      <div className="tools">
        <h2 className="grow num">Entry {formatCount(number)}</h2>
        <button type="button" className="b s" onClick={onClose}>
          Close
        </button>
      </div>
      {found.data && <AuditEntry entry={found.data} />}
      {found.isSuccess && found.data === null && <p>There is no entry with this number that you may read.</p>}
      {found.error && <p>It could not be read. {explain(found.error).lines.join(" ")}</p>}
    </section>
  );
}

interface TableProps {
  items: readonly AuditItem[];
  open: number | null;
  onOpen: (key: string | null) => void;
}

function Table({ items, open, onOpen }: TableProps) {
  return (
    <DataTable
      label="Audit entries, newest first"
      columns={auditColumns}
      rows={items}
      rowKey={(entry) => String(entry.number)}
      rowLabel={(entry) => `Entry ${formatCount(entry.number)}`}
      detail={(entry) => <AuditEntry entry={entry} />}
      openKey={open === null ? null : String(open)}
      onOpen={onOpen}
      rowClass={(entry) => (entry.outcome === "allowed" ? undefined : "not-allowed")}
    />
  );
}

function NoEntries({ onAll }: { onAll: () => void }) {
  return (
    <Empty
      title="No entry matches this sentence"
      actions={
        <button type="button" className="b lead" onClick={onAll}>
          Show every entry
        </button>
      }
    >
      <p>Entries are never removed. A wider sentence shows the others.</p>
    </Empty>
  );
}
