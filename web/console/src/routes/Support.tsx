import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useAllowed, useSession } from "../api/session";
import { listSupport, type MadeSupport, type SupportItem, type SupportList } from "../api/support";
import { Empty, Loading, Trouble } from "../components/States";
import { GrantCard } from "../components/support/GrantCard";
import { InvitedDialog } from "../components/support/InvitedDialog";
import { LetInDialog } from "../components/support/LetInDialog";
import { againIn, Riding } from "../lib/riding";
import { knownSupporters } from "../lib/support";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/people.css";
import "../styles/support.css";

/** Asked again this often: whoever is let in or shown out elsewhere is seen here. */
const EVERY_MS = 5_000;

/** Help from outside: who is in and what they do, letting somebody in, and who was. */
export default function Support() {
  useTitle("Support");
  const now = useNow(30_000);
  const mayLetIn = useAllowed("support.grant");
  const mayEnd = useAllowed("support.end");
  const outside = useSession().person.role === "support";
  const [asking, setAsking] = useState(false);
  const [made, setMade] = useState<MadeSupport | null>(null);
  const grants = useGrants();
  const items = useMemo(() => (grants.data?.pages ?? []).flatMap((page) => page.items), [grants.data]);
  const [running, past] = [items.filter((item) => item.running), items.filter((item) => !item.running)];
  const show = (done: MadeSupport) => {
    setAsking(false);
    if (done.invited_until !== null) setMade(done);
  };
  return (
    <div className="pagew narrow support">
      <header className="ph1">
        <div className="grow">
          <h1>Support</h1>
          <p>
            {outside
              ? "What lets you in, until when, and what is recorded of what you do here."
              : "Help from outside. Nobody is in unless you let them in: for a time, to what you say, and you see what they do."}
          </p>
        </div>
        {mayLetIn && grants.data && (
          <button type="button" className="b lead" onClick={() => setAsking(true)}>
            Let somebody in…
          </button>
        )}
      </header>
      {grants.isPending && <Loading />}
      {grants.error && !grants.data && (
        <Trouble error={grants.error} what="Who is in" retry={() => void grants.refetch()} slim />
      )}
      {grants.isSuccess && items.length === 0 && (
        <Empty slim title="Nobody from outside is in, and nobody was">
          <p>Whoever helps you sees nothing here until you let them in.</p>
        </Empty>
      )}
      <Grants title="In now" items={running} now={now} mayEnd={mayEnd} />
      <Grants title="Were in" items={past} now={now} mayEnd={false} />
      {grants.hasNextPage && (
        <button
          type="button"
          className="b"
          disabled={grants.isFetchingNextPage}
          onClick={() => void grants.fetchNextPage()}
        >
          Show older ones
        </button>
      )}
      {asking && grants.data && (
        <LetInDialog
          lendable={grants.data.pages[0]?.lendable ?? []}
          known={knownSupporters(items)}
          onClose={() => setAsking(false)}
          onMade={show}
        />
      )}
      {made && <InvitedDialog made={made} onClose={() => setMade(null)} />}
    </div>
  );
}

function useGrants() {
  const riding = useMemo(() => new Riding<SupportList>(), []);
  return useInfiniteQuery({
    queryKey: ["support", "all"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      riding.page(pageParam, (cursor, continues) => listSupport({ cursor, continues }, signal)),
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: ({ state }) =>
      againIn(EVERY_MS * (state.data?.pages.length ?? 1), state.data !== undefined, state.error),
  });
}

interface GrantsProps {
  title: string;
  items: readonly SupportItem[];
  now: Date;
  mayEnd: boolean;
}

function Grants({ title, items, now, mayEnd }: GrantsProps) {
  if (items.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <ul className="grants">
        {items.map((item) => (
          <GrantCard key={item.id} item={item} now={now} mayEnd={mayEnd} />
        ))}
      </ul>
    </section>
  );
}
