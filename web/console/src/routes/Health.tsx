import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { listFindings } from "../api/operations";
import type { Finding } from "../api/types";
import { CodeText } from "../components/CodeText";
import { Icon } from "../components/Icon";
import { Loading, Trouble } from "../components/States";
import { plural } from "../lib/format";
import type { PLACES } from "../lib/places";
import { useTitle } from "../lib/useTitle";
import "../styles/settings.css";

/** Health as a list of sentences: what is in order, what somebody has to do. */
export default function Health() {
  useTitle("Health");
  const findings = useQuery({
    queryKey: ["findings"],
    queryFn: ({ signal }) => listFindings(signal),
  });
  const items = findings.data?.items ?? [];
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Health</h1>
          {findings.data && <p>{summary(items)}</p>}
        </div>
        <button
          type="button"
          className="b"
          disabled={findings.isFetching}
          onClick={() => void findings.refetch()}
        >
          Check again
        </button>
      </header>
      {findings.isPending && <Loading />}
      {findings.error && !findings.data && (
        <Trouble
          error={findings.error}
          what="The state of this installation"
          retry={() => void findings.refetch()}
          slim
        />
      )}
      {items.length > 0 && (
        <ul className="card lines">
          {items.map((finding) => (
            <Line key={finding.id} finding={finding} />
          ))}
        </ul>
      )}
    </div>
  );
}

function summary(items: readonly Finding[]): string {
  const open = items.filter((finding) => finding.level !== "ok").length;
  if (open === 0) return `All ${items.length} checks are in order.`;
  return `${plural(items.length - open, "check is", "checks are")} in order, ${plural(open, "needs", "need")} somebody.`;
}

const levelWords: Record<Finding["level"], string> = {
  ok: "in order",
  attention: "needs somebody",
  failed: "failed",
};

/** Where the console mends what a check found, for those it can. */
const ways: Record<string, { to: (typeof PLACES)[number]["to"]; name: string }> = {
  "sweep-waits": { to: "/settings/retention", name: "Retention" },
  holds: { to: "/trust/holds", name: "Holds" },
  "holds-unreadable": { to: "/trust/holds", name: "Holds" },
  "erasure-proposals": { to: "/trust/receipts", name: "Receipts" },
  "requests-overdue": { to: "/trust/requests", name: "Requests" },
  settings: { to: "/settings/rules", name: "Rules" },
};

function Line({ finding }: { finding: Finding }) {
  const way = finding.level === "ok" ? undefined : ways[finding.id];
  const icon = finding.level === "ok" ? "check" : "warn";
  return (
    <li className={`lv-${finding.level}`}>
      <Icon name={icon} />
      <span className="grow">
        <span className="vh">{levelWords[finding.level]}: </span>
        <b>
          <CodeText text={finding.sentence} />
        </b>
        {finding.what_to_do && (
          <span className="small ink2">
            <CodeText text={finding.what_to_do} />
          </span>
        )}
      </span>
      {way && (
        <Link className="b s" to={way.to} search={{}}>
          {way.name}
        </Link>
      )}
      {finding.level !== "ok" && (
        <span className={finding.level === "failed" ? "tag danger" : "tag attn"}>
          <Icon name="warn" />
          {levelWords[finding.level]}
        </span>
      )}
    </li>
  );
}
