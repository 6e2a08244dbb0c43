import { useEffect } from "react";
import type { PolicyDocument, PolicyVersion } from "../../api/types";
import { formatBytes, formatCount, formatDate } from "../../lib/format";
import type { Counts, PreviewState } from "../../lib/preview";
import { CodeText } from "../CodeText";
import { Changes } from "./Changes";
import { Picked } from "./Picked";
import { Rules } from "./Rules";
import type { Check } from "./useCheck";

interface RuleRailProps {
  draft: PolicyDocument;
  state: PreviewState;
  versions: readonly PolicyVersion[];
  check: Check;
  changed: boolean;
  rule: string;
  onRule: (rule: string) => void;
  onDraft: (draft: PolicyDocument) => void;
}

/** Rules: of what is picked, on this page, in the whole draft, and in the versions signed so far. */
export function RuleRail(props: RuleRailProps) {
  const { draft, state, versions, check, changed, rule, onRule, onDraft } = props;
  const picked = state.picked;
  useEffect(() => {
    if (picked) onRule(picked.selector);
  }, [picked, onRule]);
  return (
    <aside className="rail" aria-label="Rules">
      <Picked picked={picked} draft={draft} rule={rule} onRule={onRule} onDraft={onDraft} />
      {state.counts && <OnThisPage counts={state.counts} />}
      <Rules draft={draft} onDraft={onDraft} onRule={onRule} />
      <section className="vers">
        <h2>Signed versions</h2>
        {changed && <Changes check={check} />}
        <ol>
          {versions.map((version, index) => (
            <Version key={version.version} version={version} current={index === 0} />
          ))}
        </ol>
      </section>
    </aside>
  );
}

function OnThisPage({ counts }: { counts: Counts }) {
  const all = counts.shown + counts.masked + counts.excluded;
  return (
    <section>
      <h2>
        On this page <span className="ink3 small num">{formatCount(all)} things</span>
      </h2>
      <dl className="sum">
        <dt>
          <i className="w show" />
          Shown
        </dt>
        <dd className="num">{formatCount(counts.shown)}</dd>
        <dt>
          <i className="w mask" />
          Masked
        </dt>
        <dd className="num">{formatCount(counts.masked)}</dd>
        <dt>
          <i className="w shut" />
          Excluded
        </dt>
        <dd className="num">{formatCount(counts.excluded)}</dd>
      </dl>
      <p className="small ink2">
        <b className="num">{formatBytes(counts.leaving_bytes)}</b> would leave;{" "}
        <span className="num">{formatBytes(counts.page_bytes)}</span> is the page. Checked again on arrival.
      </p>
    </section>
  );
}

function Version({ version, current }: { version: PolicyVersion; current: boolean }) {
  const { direction } = version;
  const tone =
    direction === "tighter"
      ? "dl tight"
      : direction === "looser" || direction === "mixed"
        ? "dl loose"
        : "dl";
  return (
    <li className={current ? "cur" : ""}>
      <b className="num">{version.version}</b>
      <span className="cut">
        {version.signed_by?.name ?? "Clerestory itself"}
        <small className="num cut" title={version.changes.join(" ").replaceAll("`", "")}>
          {formatDate(version.signed_at)}
          {version.changes.length > 0 && ": "}
          <CodeText text={version.changes.join(" ")} />
        </small>
      </span>
      <span className={tone}>{direction}</span>
    </li>
  );
}
