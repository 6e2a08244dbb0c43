import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useAllowed } from "../../api/session";
import type { PolicyDocument, Site } from "../../api/types";
import { Icon } from "../Icon";
import { SignDialog } from "./SignDialog";
import type { Check } from "./useCheck";

interface EditorHeadProps {
  site: Site;
  draft: PolicyDocument;
  current: number;
  changed: boolean;
  check: Check;
  onDiscard: () => void;
  /** Brings back what was discarded last; null where there is nothing to bring back. */
  onUndo: (() => void) | null;
  /** The draft is signed now, or has to start from a newer version. */
  onSigned: (document: PolicyDocument) => void;
}

/** Which policy this is, which version is in force, and the way to sign the next. */
export function EditorHead(props: EditorHeadProps) {
  const { site, draft, current, changed, check } = props;
  const [signing, setSigning] = useState(false);
  const maySignAny = useAllowed("policy.edit");
  const maySignLess = useAllowed("policy.tighten");
  const captureMore = check.result?.direction === "looser" || check.result?.direction === "mixed";
  const notTheirs = !maySignAny && captureMore;
  const errors = check.result?.errors.length ?? 0;
  return (
    <header className="ch">
      <div className="grow">
        <h1>Capture policy</h1>
        <p className="small ink2 cut">
          <Link className="link" to="/settings/sites/$id" params={{ id: site.id }}>
            {site.name}
          </Link>
          , <code>{site.origins[0]}</code>. Preset{" "}
          <b>{draft.preset === "private" ? "Private" : draft.preset}</b>: all text and input masked, media{" "}
          {draft.media}.
        </p>
      </div>
      <span className="small ink2 nowrap foll">
        <span className="dot live" />
        <b className="num">v{current}</b> in force
      </span>
      {changed && (
        <button type="button" className="b bare" onClick={props.onDiscard}>
          Discard draft
        </button>
      )}
      {props.onUndo && (
        <button type="button" className="b bare" onClick={props.onUndo}>
          Bring the draft back
        </button>
      )}
      {changed && maySignLess && notTheirs && (
        <span className="small ink2">It lets more be captured: you may sign what lets less be.</span>
      )}
      {maySignAny || maySignLess ? (
        <button
          type="button"
          className="b lead"
          disabled={!changed || errors > 0 || notTheirs}
          onClick={() => setSigning(true)}
        >
          <Icon name="cert" />
          Review and sign <span className="num">v{current + 1}</span>
        </button>
      ) : (
        <span className="small ink2">You may draft here, and not sign.</span>
      )}
      {signing && (
        <SignDialog
          site={site}
          draft={draft}
          current={current}
          check={check}
          onClose={() => setSigning(false)}
          onSigned={props.onSigned}
        />
      )}
    </header>
  );
}
