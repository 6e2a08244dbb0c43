import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { changeSite, rotateSiteKey } from "../../api/operations";
import { useAllowed } from "../../api/session";
import type { Site } from "../../api/types";
import { formatMoment, plural } from "../../lib/format";
import { queryClient } from "../../queryClient";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { explain } from "../States";
import { ImportCard } from "./ImportCard";
import { SiteForm } from "./SiteForm";

function keep(site: Site): void {
  queryClient.setQueryData(["site", site.id], site);
  void queryClient.invalidateQueries({ queryKey: ["sites"] });
}

/** What a site is set to: policy, origins, keys. */
export function SiteFacts({ site }: { site: Site }) {
  const [open, setOpen] = useState<"change" | "rotate" | null>(null);
  const close = () => setOpen(null);
  const mayManage = useAllowed("site.manage");
  const mayImport = useAllowed("recording.import");
  return (
    <aside className="side" aria-label="Settings of this site">
      <section className="card">
        <div className="sh">
          <h2 className="grow">What leaves the page</h2>
          <Link className="b s" to="/settings/sites/$id/policy" params={{ id: site.id }} search={{}}>
            Open the editor
          </Link>
        </div>
        <div className="body">
          <p className="ink2">
            Capture policy <b className="num">v{site.policy_version}</b>, signed. The snippet names its key,
            so a page believes no other policy.
          </p>
          <code className="ink3">{site.policy_key}</code>
        </div>
      </section>
      <section className="card">
        <div className="sh">
          <h2 className="grow">Name and origins</h2>
          {mayManage && (
            <button type="button" className="b s" onClick={() => setOpen("change")}>
              Change
            </button>
          )}
        </div>
        <div className="body">
          <p>{site.name}</p>
          {site.origins.map((origin) => (
            <code key={origin}>{origin}</code>
          ))}
          <p className="small ink2 num">
            Created {formatMoment(site.created_at)}. {plural(site.recordings, "recording")}.
          </p>
        </div>
      </section>
      <section className="card">
        <div className="sh">
          <h2 className="grow">Site key</h2>
          <CopyButton text={site.site_key} />
        </div>
        <div className="body">
          <code>{site.site_key}</code>
          <p className="small ink2">It lets pages of the allowed origins send, and nobody read.</p>
          {mayManage && (
            <div>
              <button type="button" className="b s end" onClick={() => setOpen("rotate")}>
                Replace the key…
              </button>
            </div>
          )}
        </div>
      </section>
      {mayImport && <ImportCard site={site} />}
      <ChangeSite site={site} isOpen={open === "change"} onClose={close} />
      <RotateKey site={site} isOpen={open === "rotate"} onClose={close} />
    </aside>
  );
}

interface SiteDialogProps {
  site: Site;
  isOpen: boolean;
  onClose: () => void;
}

function ChangeSite({ site, isOpen, onClose }: SiteDialogProps) {
  const change = useMutation({
    mutationFn: (next: { name: string; origins: string[] }) => changeSite(site.id, next),
    onSuccess: (saved) => {
      keep(saved);
      onClose();
    },
  });
  return (
    <Dialog title={`Change ${site.name}`} isOpen={isOpen} onClose={onClose}>
      <SiteForm
        name={site.name}
        origins={site.origins}
        submit="Save"
        busy={change.isPending}
        error={change.error}
        onSubmit={(next) => change.mutate(next)}
        onCancel={onClose}
      />
    </Dialog>
  );
}

function RotateKey({ site, isOpen, onClose }: SiteDialogProps) {
  const rotate = useMutation({
    mutationFn: () => rotateSiteKey(site.id),
    onSuccess: (saved) => {
      keep(saved);
      onClose();
    },
  });
  return (
    <Dialog title="Replace the site key?" isOpen={isOpen} onClose={onClose} alert>
      <p>
        Pages that carry the old snippet stop recording until they carry the new one. Recordings made so far
        stay.
      </p>
      {rotate.error && (
        <p className="note danger" role="alert">
          <Icon name="warn" />
          <span>The key was not replaced. {explain(rotate.error).lines.join(" ")}</span>
        </p>
      )}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Keep the key
        </button>
        <button type="button" className="b end" disabled={rotate.isPending} onClick={() => rotate.mutate()}>
          Replace the key
        </button>
      </div>
    </Dialog>
  );
}
