import { useInfiniteQuery, useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { listRecordings, listViewers } from "../api/operations";
import type { RecordingItem, Viewer } from "../api/types";
import { Panes } from "../components/Panes";
import { Person } from "../components/Person";
import { Empty, Loading, Trouble } from "../components/States";
import { formatClock, formatCount, formatMoment } from "../lib/format";
import { seenWords } from "../lib/myData";
import { whereLine } from "../lib/recording";
import { useTitle } from "../lib/useTitle";
import { litPanes, rangesWords } from "../lib/watching";
import "../styles/watched.css";

/** Reading each of them is on record: only as many as fit a screen or two are asked for at a time. */
const SHOWN = 10;

/** Who watched what: each recording somebody was let into, with the parts that were lit and the reason. */
export default function Watched() {
  useTitle("Who watched");
  const list = useInfiniteQuery({
    queryKey: ["recordings", "watched"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      listRecordings({ watched: "yes", cursor: pageParam, limit: SHOWN }, signal),
    getNextPageParam: (last) => last.next_cursor,
  });
  const items = (list.data?.pages ?? []).flatMap((page) => page.items);
  const viewers = useQueries({
    queries: items.map((item) => ({
      queryKey: ["viewers", item.id],
      queryFn: ({ signal }: { signal: AbortSignal }) => listViewers(item.id, signal),
    })),
  });
  return (
    <div className="pagew">
      <header className="ph1">
        <div className="grow">
          <h1>Who watched</h1>
          <p>Every recording somebody was let into: who, when, why, and which part. Gold is what they saw.</p>
        </div>
      </header>
      {list.isPending && <Loading />}
      {list.error && !list.data && (
        <Trouble error={list.error} what="This page" retry={() => void list.refetch()} />
      )}
      {list.isSuccess && items.length === 0 && (
        <Empty title="Nobody has watched anything">
          <p>
            As soon as somebody opens a recording, their name, their reason and the part they saw stand here.
          </p>
        </Empty>
      )}
      <div className="stack">
        {items.map((item, index) => (
          <Looks
            key={item.id}
            item={item}
            viewers={viewers[index]?.data?.items ?? []}
            error={viewers[index]?.error ?? null}
          />
        ))}
      </div>
      {list.hasNextPage && (
        <p className="older">
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

interface LooksProps {
  item: RecordingItem;
  viewers: readonly Viewer[];
  error: Error | null;
}

function Looks({ item, viewers, error }: LooksProps) {
  return (
    <article className="card looks">
      <div className="sh">
        <Link className="grow" to="/recordings/$id" params={{ id: item.id }} search={{}}>
          <h2 className="link">{item.subject.label}</h2>
          <span className="small ink3">
            {whereLine(item)}, <span className="num">{formatMoment(item.started_at)}</span>
          </span>
        </Link>
        <span className="num">{formatClock(item.duration_us)}</span>
      </div>
      {error && <p className="pad ink2">Who watched this one could not be read. {error.message}</p>}
      <ol>
        {viewers.map((viewer) => (
          <Look key={viewer.play} item={item} viewer={viewer} />
        ))}
      </ol>
    </article>
  );
}

function Look({ item, viewer }: { item: RecordingItem; viewer: Viewer }) {
  const watching = viewer.ended_at === null;
  return (
    <li className="look">
      <Person person={viewer.person} lit={watching} />
      <span className="lk-who">
        <b>{viewer.person.name}</b>
        <span className="small ink3 num">
          {watching ? "is watching now" : formatMoment(viewer.started_at)}
        </span>
      </span>
      <Panes
        className="strip"
        states={litPanes(item.panes, viewer.ranges, item.duration_us)}
        label={rangesWords(viewer.ranges)}
      />
      <span className="lk-why">
        {viewer.reason ?? <span className="ink3">no reason was asked for</span>}
        <span className="small ink3 num">
          {seenWords(viewer)},{" "}
          <Link className="link" to="/trust/audit" search={{ entry: viewer.entry }}>
            entry {formatCount(viewer.entry)}
          </Link>
        </span>
      </span>
    </li>
  );
}
