import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { listRecordings, listSites } from "../api/operations";
import { useAllowed } from "../api/session";
import type { RecordingItem, RecordingList } from "../api/types";
import { focusSentence } from "../components/FilterBar";
import { Icon } from "../components/Icon";
import { Gallery } from "../components/recordings/Gallery";
import { ListGlass, ListView } from "../components/recordings/ListView";
import { LiveStrip } from "../components/recordings/LiveStrip";
import { RecordingsNav } from "../components/recordings/RecordingsNav";
import { Sentence } from "../components/recordings/Sentence";
import { Empty, explain, Trouble } from "../components/States";
import { conditions, type ListSearch, listQuery, withPart } from "../lib/filters";
import { formatCount } from "../lib/format";
import { type ListLook, useLook } from "../lib/listView";
import { joined, refreshed } from "../lib/recording";
import { againIn, Riding } from "../lib/riding";
import { useTitle } from "../lib/useTitle";
import "../styles/recordings.css";
import "../styles/table.css";

const route = getRouteApi("/shell/recordings");
/** Asked again this often, on the entry of the first asking. */
const EVERY_MS = 2_000;

/** All recordings, by a sentence; those that are going on now stand above. */
export default function Recordings() {
  useTitle("Recordings");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const mayRestore = useAllowed("recording.restore");
  const sites = useQuery({ queryKey: ["sites"], queryFn: ({ signal }) => listSites(signal) });
  const [look, setLook] = useLook();
  const live = useLive();
  const list = useList(search);
  useFollowLive(live);
  const items = useMemo(
    () => refreshed(joined((list.data?.pages ?? []).map((page) => page.items)), live),
    [list.data, live],
  );
  const change = (next: ListSearch) => void navigate({ search: next });
  const more = list.hasNextPage;
  const shown = list.isSuccess ? `${formatCount(items.length)} shown${more ? ", more below" : ""}` : "";
  return (
    <div className="recs">
      <RecordingsNav />
      <header className="fh tools">
        <div className="grow">
          <h1 className="vh">Recordings</h1>
          <Sentence
            search={search}
            sites={sites.data?.items ?? []}
            onChange={change}
            shown={shown}
            of={items[0]?.subject.label ?? null}
          />
        </div>
        <LookPicker look={look} onChoose={setLook} />
        {mayRestore && (
          <Link className="b" to="/recordings/bin">
            <Icon name="bin" />
            Recycle bin
          </Link>
        )}
      </header>
      <div className="list">
        <LiveStrip items={live} />
        {list.isError && list.data && <Stale error={list.error} />}
        {list.isPending && <ListGlass />}
        {list.isError && !list.data && (
          <Trouble error={list.error} what="The list" retry={() => void list.refetch()} />
        )}
        {list.isSuccess && items.length === 0 && !more && (
          <NothingFound search={search} onChange={change} noSites={sites.data?.items.length === 0} />
        )}
        {items.length > 0 &&
          (look === "gallery" ? (
            <Gallery items={items} day={search.day ?? null} onSentence={focusSentence} />
          ) : (
            <ListView items={items} day={search.day ?? null} onSentence={focusSentence} />
          ))}
        {more && (
          <p className="more">
            <button
              type="button"
              className="b"
              disabled={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {list.isFetchingNextPage ? "Loading older ones" : "Show older ones"}
            </button>
          </p>
        )}
        {items.length > 0 && <KeyLine look={look} entry={list.data?.pages[0]?.entry ?? null} />}
      </div>
    </div>
  );
}

/** Rows or pictures; the browser remembers which. */
function LookPicker({ look, onChoose }: { look: ListLook; onChoose: (look: ListLook) => void }) {
  const button = (name: ListLook, label: string, icon: "list" | "grid") => (
    <button
      type="button"
      aria-pressed={look === name}
      aria-label={label}
      title={label}
      onClick={() => onChoose(name)}
    >
      <Icon name={icon} small />
    </button>
  );
  return (
    <fieldset className="seg" aria-label="How they are shown">
      {button("rows", "As rows", "list")}
      {button("gallery", "As pictures", "grid")}
    </fieldset>
  );
}

function useList(search: ListSearch) {
  const question = JSON.stringify(search);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question is put on record anew
  const riding = useMemo(() => new Riding<RecordingList>(), [question]);
  return useInfiniteQuery({
    queryKey: ["recordings", "list", search],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      riding.page(pageParam, (cursor, continues) =>
        listRecordings({ ...listQuery(search, new Date()), cursor, limit: 50, continues }, signal),
      ),
    getNextPageParam: (last) => last.next_cursor,
    // A round reads all pages that are shown; the more there are, the longer until the next.
    refetchInterval: ({ state }) =>
      againIn(EVERY_MS * (state.data?.pages.length ?? 1), state.data !== undefined, state.error),
    placeholderData: keepPreviousData,
  });
}

const NONE: RecordingItem[] = [];

function useLive(): RecordingItem[] {
  const riding = useMemo(() => new Riding<RecordingList>(), []);
  const live = useQuery({
    queryKey: ["recordings", "live"],
    queryFn: ({ signal }) =>
      riding.page(null, (_, continues) =>
        listRecordings({ state: "capturing", limit: 12, continues }, signal),
      ),
    refetchInterval: ({ state }) => againIn(EVERY_MS, true, state.error),
  });
  return live.data?.items ?? NONE;
}

/** A session that began or ended is in the list at once, not with the next round. */
function useFollowLive(live: readonly RecordingItem[]): void {
  const client = useQueryClient();
  const names = live.map((item) => item.id).join(" ");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the names are the signal
  useEffect(() => {
    void client.invalidateQueries({ queryKey: ["recordings", "list"] });
  }, [client, names]);
}

function Stale({ error }: { error: Error }) {
  return (
    <p className="note attn stale" role="status">
      <Icon name="warn" />
      <span>This list is not the newest: {explain(error).lines[0]} It is asked for again by itself.</span>
    </p>
  );
}

interface NothingFoundProps {
  search: ListSearch;
  noSites: boolean;
  onChange: (search: ListSearch) => void;
}

function NothingFound({ search, noSites, onChange }: NothingFoundProps) {
  const mayRestore = useAllowed("recording.restore");
  const [first] = conditions(search);
  if (search.state === "soft_deleted" && mayRestore) {
    return (
      <Empty
        title="What is deleted lies in the recycle bin"
        actions={
          <Link className="b lead" to="/recordings/bin">
            Open the recycle bin
          </Link>
        }
      >
        <p>It shows what can be restored, and until when.</p>
      </Empty>
    );
  }
  if (first) {
    return (
      <Empty
        title="No recording matches this sentence"
        actions={
          <>
            <button
              type="button"
              className="b lead"
              onClick={() => onChange(withPart(search, first.key, null))}
            >
              Drop {first.words}
            </button>
            <button type="button" className="b" onClick={() => onChange({})}>
              Show everything
            </button>
          </>
        }
      >
        <p>Each word of the sentence narrows it. Without {first.words} there may be some.</p>
      </Empty>
    );
  }
  return (
    <Empty
      title="Nothing has been recorded yet"
      actions={
        <Link className="b lead" to="/settings/sites">
          {noSites ? "Set up a site" : "See your sites"}
        </Link>
      }
    >
      <p>
        {noSites
          ? "A site gives you a snippet for your pages. Its first session appears here within seconds."
          : "As soon as somebody opens a page that carries the snippet, their session appears here."}
      </p>
    </Empty>
  );
}

function KeyLine({ look, entry }: { look: ListLook; entry: number | null }) {
  return (
    <p className="keys small ink3">
      <kbd>J</kbd>
      <kbd>K</kbd> move{" "}
      {look === "rows" && (
        <>
          <kbd>Space</kbd> peek{" "}
        </>
      )}
      <kbd>Enter</kbd> open <kbd>F</kbd> change the sentence <kbd>?</kbd> all keys
      <span className="grow" />
      {entry !== null && (
        <span className="num">Reading this list is on record, entry {formatCount(entry)}</span>
      )}
    </p>
  );
}
