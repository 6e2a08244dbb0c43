import { useMutation } from "@tanstack/react-query";
import { ApiError } from "../../api/client";
import { getPolicy, signPolicy } from "../../api/operations";
import type { PolicyDocument, Site } from "../../api/types";
import { documentOf } from "../../lib/policyDraft";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { explain } from "../States";
import { Changes } from "./Changes";
import type { Check } from "./useCheck";

interface SignDialogProps {
  site: Site;
  draft: PolicyDocument;
  current: number;
  check: Check;
  onClose: () => void;
  onSigned: (document: PolicyDocument) => void;
}

/** What the next version changes, before it is signed with one's name. */
export function SignDialog({ site, draft, current, check, onClose, onSigned }: SignDialogProps) {
  const refresh = async () => {
    const policy = await queryClient.fetchQuery({
      queryKey: ["policy", site.id],
      queryFn: ({ signal }) => getPolicy(site.id, signal),
      staleTime: 0,
    });
    void queryClient.invalidateQueries({ queryKey: ["site", site.id] });
    return documentOf(policy.current);
  };
  const sign = useMutation({
    mutationFn: () => signPolicy(site.id, draft, current),
    onSuccess: async () => {
      onSigned(await refresh());
      onClose();
    },
  });
  const overtaken = sign.error instanceof ApiError && sign.error.slug === "policy-changed";
  return (
    <Dialog title={`Sign version ${current + 1} for ${site.name}?`} isOpen onClose={onClose}>
      <Changes check={check} />
      <p className="ink2">
        Your name stands on it. Open pages follow within a minute; recordings made before are not changed by
        it.
      </p>
      {sign.error && (
        <div className="note danger" role="alert">
          <Icon name="warn" />
          <div>
            <b>{sign.error instanceof ApiError ? sign.error.problem.title : "The policy was not signed"}</b>
            {explain(sign.error).lines.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
        </div>
      )}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Keep drafting
        </button>
        {overtaken ? (
          <button type="button" className="b lead" onClick={() => void refresh().then(onClose)}>
            Compare with the new version
          </button>
        ) : (
          <button type="button" className="b lead" disabled={sign.isPending} onClick={() => sign.mutate()}>
            <Icon name="cert" />
            Sign <span className="num">v{current + 1}</span>
          </button>
        )}
      </div>
    </Dialog>
  );
}
