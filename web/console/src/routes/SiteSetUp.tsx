import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { getSite, listReceipts } from "../api/operations";
import { useSession } from "../api/session";
import type { Receipt, Site } from "../api/types";
import { Loading, Trouble } from "../components/States";
import { Arcade } from "../components/sites/Arcade";
import { EventWay } from "../components/sites/EventWay";
import { SiteFacts } from "../components/sites/SiteFacts";
import { SnippetCard } from "../components/sites/SnippetCard";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/sites.css";

const route = getRouteApi("/shell/settings/sites/$id");
/** How often what came in is asked for. It opens nothing, so that asking is not on record. */
const RECEIPTS_MS = 1_000;
const KEPT = 20;

/** A site from its snippet to its first event, and what it is set to. */
export default function SiteSetUp() {
  const { id } = route.useParams();
  const site = useQuery({ queryKey: ["site", id], queryFn: ({ signal }) => getSite(id, signal) });
  useTitle(site.data?.name ?? "Site");
  if (site.isPending) return <Loading />;
  if (!site.data) return <Trouble error={site.error} what="This site" retry={() => void site.refetch()} />;
  return <SetUp key={site.data.id} site={site.data} />;
}

function SetUp({ site }: { site: Site }) {
  const session = useSession();
  const [since] = useState(() => Date.now());
  const receipts = useReceipts(site.id);
  const newest = receipts.at(-1) ?? null;
  const [chosen, setChosen] = useState<Receipt | null>(null);
  const shown = chosen ?? newest;
  // It stays until somebody asks for the next: reading its bytes is on record, and it may be in comparison.
  if (shown !== chosen) setChosen(shown);
  const first = receipts[0] ?? null;
  const received = first !== null || site.first_event_at !== null;
  return (
    <div className="pagew">
      <header className="ph1">
        <div className="grow">
          <h1>{received ? "Your events come in, and are sealed" : "Three windows in, two to go"}</h1>
          <p>
            {site.name}, <code>{site.origins.join(", ")}</code>
          </p>
        </div>
      </header>
      <Arcade
        session={session}
        site={site}
        received={site.first_event_at ?? first?.at ?? null}
        since={since}
      />
      <div className="floor">
        <div className="stack">
          {shown && (
            <EventWay
              receipt={shown}
              siteName={site.name}
              later={receipts.filter((receipt) => receipt.n > shown.n).length}
              onNewest={() => setChosen(newest)}
            />
          )}
          <SnippetCard site={site} since={since} received={received} />
        </div>
        <SiteFacts site={site} />
      </div>
    </div>
  );
}

/** Reads a site again when its first event came in: once, as each reading is on record. */
function readOnceReceived(id: string): void {
  const queryKey = ["site", id];
  const known = queryClient.getQueryData<Site>(queryKey);
  if (known?.first_event_at === null) void queryClient.invalidateQueries({ queryKey });
}

/** The newest receipts, asked for every second and only what is new. */
function useReceipts(id: string): readonly Receipt[] {
  const queryKey = ["receipts", id];
  const receipts = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const before = queryClient.getQueryData<{ items: Receipt[]; latest: number }>(queryKey);
      const answer = await listReceipts(id, before?.latest ?? 0, signal);
      if (answer.items.length > 0) readOnceReceived(id);
      return { items: [...(before?.items ?? []), ...answer.items].slice(-KEPT), latest: answer.latest };
    },
    refetchInterval: RECEIPTS_MS,
  });
  return receipts.data?.items ?? [];
}
