import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { type Hold, type HoldChange, listHolds } from "../api/keeping";
import { listPeople, listSites } from "../api/operations";
import { useAllowed, useSession } from "../api/session";
import { DecideDialog } from "../components/holds/DecideDialog";
import { HoldCard } from "../components/holds/HoldCard";
import { ProposeDialog } from "../components/holds/ProposeDialog";
import { Empty, Loading, Trouble } from "../components/States";
import { grouped } from "../lib/holds";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/holds.css";
import "../styles/people.css";

const route = getRouteApi("/shell/trust/holds");

/** What must not be erased, as two people decide. */
export default function Holds() {
  useTitle("Holds");
  const { of, about } = route.useSearch();
  const known = [of, about].filter((id) => id !== undefined);
  const navigate = route.useNavigate();
  const me = useSession().person.id;
  const now = useNow(60_000);
  const [proposing, setProposing] = useState(known.length > 0);
  const [deciding, setDeciding] = useState<{ hold: Hold; change: HoldChange } | null>(null);
  const mayPlace = useAllowed("hold.place");
  const holds = useQuery({ queryKey: ["holds"], queryFn: ({ signal }) => listHolds(signal) });
  const sites = useQuery({ queryKey: ["sites"], queryFn: ({ signal }) => listSites(signal) });
  const people = useQuery({
    queryKey: ["people", "first"],
    queryFn: ({ signal }) => listPeople({ limit: 100 }, signal),
    enabled: proposing,
  });
  const named = (hold: Hold) =>
    hold.scope === "site" ? (sites.data?.items.find(({ id }) => id === hold.target)?.name ?? null) : null;
  const close = () => {
    setProposing(false);
    void navigate({ search: {}, replace: true });
  };
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Holds</h1>
          <p>
            What a hold covers cannot be erased, by anybody and anything. One person proposes it and another
            confirms; so it is with its release.
          </p>
        </div>
        {mayPlace && (
          <button type="button" className="b lead" onClick={() => setProposing(true)}>
            Propose a hold…
          </button>
        )}
      </header>
      {holds.isPending && <Loading />}
      {holds.error && !holds.data && (
        <Trouble error={holds.error} what="The holds" retry={() => void holds.refetch()} slim />
      )}
      {holds.data?.items.length === 0 && (
        <Empty slim title="Nothing is held">
          <p>
            Whatever is due is erased in its time. Where something is needed longer, for a case or a
            complaint, propose a hold of it.
          </p>
        </Empty>
      )}
      {grouped(holds.data?.items ?? [], now).map((group) => (
        <section key={group.name} className="holds" aria-label={group.name}>
          <h2>{group.name}</h2>
          {group.holds.map((hold) => (
            <HoldCard
              key={hold.id}
              hold={hold}
              me={me}
              now={now}
              covers={named(hold)}
              onChange={mayPlace ? (change) => setDeciding({ hold, change }) : null}
            />
          ))}
        </section>
      ))}
      {proposing && mayPlace && (
        <ProposeDialog
          known={known}
          sites={sites.data?.items ?? []}
          people={people.data?.items ?? []}
          onClose={close}
        />
      )}
      {deciding && <DecideDialog {...deciding} onClose={() => setDeciding(null)} />}
    </div>
  );
}
