import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { createSite, listSites } from "../api/operations";
import { useAllowed } from "../api/session";
import type { Site } from "../api/types";
import { Dialog } from "../components/Dialog";
import { Icon } from "../components/Icon";
import { Empty, Loading, Trouble } from "../components/States";
import { SiteForm } from "../components/sites/SiteForm";
import { ago, plural } from "../lib/format";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/settings.css";
import "../styles/sites.css";

/** The sites one records, each with its own key, origins and capture policy. */
export default function Sites() {
  useTitle("Sites");
  const [making, setMaking] = useState(false);
  const mayManage = useAllowed("site.manage");
  const sites = useQuery({ queryKey: ["sites"], queryFn: ({ signal }) => listSites(signal) });
  const items = sites.data?.items ?? [];
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Sites</h1>
          <p>A site is what one snippet records: its origins, its key and its capture policy.</p>
        </div>
        {mayManage && (
          <button type="button" className="b lead" onClick={() => setMaking(true)}>
            <Icon name="plus" />
            Create a site
          </button>
        )}
      </header>
      {sites.isPending && <Loading />}
      {sites.error && !sites.data && (
        <Trouble error={sites.error} what="The list of sites" retry={() => void sites.refetch()} slim />
      )}
      {sites.isSuccess && items.length === 0 && (
        <Empty title="There is no site yet" slim>
          <p>Create one, put its snippet into your pages, and the first session arrives within seconds.</p>
        </Empty>
      )}
      {items.length > 0 && (
        <ul className="card lines">
          {items.map((site) => (
            <Line key={site.id} site={site} />
          ))}
        </ul>
      )}
      <CreateSite isOpen={making} onClose={() => setMaking(false)} />
    </div>
  );
}

function Line({ site }: { site: Site }) {
  const now = useNow(10_000);
  return (
    <li>
      <Icon name="web" />
      <Link className="grow" to="/settings/sites/$id" params={{ id: site.id }}>
        <b>{site.name}</b>
        <span className="small ink2">{site.origins.join(", ")}</span>
      </Link>
      <span className="small ink2 num">
        {plural(site.recordings, "recording")}
        {site.last_event_at && `, last event ${ago(site.last_event_at, now)}`}
      </span>
      {site.first_event_at === null && <span className="tag attn">waiting for its first event</span>}
      <Link className="b s" to="/settings/sites/$id/policy" params={{ id: site.id }} search={{}}>
        Policy <span className="num">v{site.policy_version}</span>
        <span className="vh"> of {site.name}</span>
      </Link>
    </li>
  );
}

function CreateSite({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const create = useMutation({
    mutationFn: createSite,
    onSuccess: (site) => {
      queryClient.setQueryData(["site", site.id], site);
      void queryClient.invalidateQueries({ queryKey: ["sites"] });
      onClose();
      void navigate({ to: "/settings/sites/$id", params: { id: site.id } });
    },
  });
  return (
    <Dialog title="Create a site" isOpen={isOpen} onClose={onClose}>
      <p className="ink2">It starts with the preset Private: all text and input masked, media blocked.</p>
      <SiteForm
        name=""
        origins={[]}
        submit="Create the site"
        busy={create.isPending}
        error={create.error}
        onSubmit={(site) => create.mutate(site)}
        onCancel={onClose}
      />
    </Dialog>
  );
}
