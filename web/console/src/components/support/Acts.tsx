import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { listActs, type SupportActs, type SupportItem } from "../../api/support";
import type { AuditItem } from "../../api/types";
import { actionWords } from "../../lib/auditFilter";
import { formatDate, formatTime, shorten } from "../../lib/format";
import { againIn, Riding } from "../../lib/riding";
import { Outcome } from "../audit/columns";
import { Loading, Trouble } from "../States";

/** Asked again this often while somebody is in, on the entry of the first asking. */
const EVERY_MS = 3_000;

/** What somebody did since they were let in, the last first; it goes on by itself while they are in. */
export function Acts({ item }: { item: SupportItem }) {
  const riding = useMemo(() => new Riding<SupportActs>(), []);
  const acts = useInfiniteQuery({
    queryKey: ["support", "acts", item.id],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      riding.page(pageParam, (cursor, continues) => listActs(item.id, { cursor, continues }, signal)),
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: ({ state }) =>
      item.running &&
      againIn(EVERY_MS * (state.data?.pages.length ?? 1), state.data !== undefined, state.error),
  });
  const entries = (acts.data?.pages ?? []).flatMap((page) => page.items);
  if (acts.isPending) return <Loading />;
  if (acts.error && !acts.data) {
    return <Trouble error={acts.error} what="What they did" retry={() => void acts.refetch()} slim />;
  }
  return (
    <section aria-label={`What ${item.person.name} did`} aria-live="polite">
      {entries.length === 0 ? (
        <p className="ink2 pad">Nothing yet. Whatever they do or try stands here as it happens.</p>
      ) : (
        <ol className="acts">
          {entries.map((entry) => (
            <Act key={entry.number} entry={entry} />
          ))}
        </ol>
      )}
      {acts.hasNextPage && (
        <button
          type="button"
          className="b s"
          disabled={acts.isFetchingNextPage}
          onClick={() => void acts.fetchNextPage()}
        >
          Show what came before
        </button>
      )}
    </section>
  );
}

function Act({ entry }: { entry: AuditItem }) {
  const { object } = entry;
  const id = object?.id ?? null;
  return (
    <li>
      <span className="num nowrap">
        {formatTime(entry.time, true)} <span className="ink3 small">{formatDate(entry.time)}</span>
      </span>
      <span className="grow">
        <b>{actionWords(entry.action)}</b>{" "}
        {object?.kind === "recording" && id !== null ? (
          <Link className="link" to="/recordings/$id" params={{ id }} search={{}}>
            <code>{shorten(id, 8, 4)}</code>
          </Link>
        ) : (
          <span className="ink3">{object?.label ?? object?.kind}</span>
        )}
        {entry.reason && <span className="ink2"> “{entry.reason}”</span>}
      </span>
      <Outcome outcome={entry.outcome} />
      <span className="num small ink3">entry {entry.number}</span>
    </li>
  );
}
