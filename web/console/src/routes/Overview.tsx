import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { listBlocks } from "../api/blocks";
import { listProposals } from "../api/erasing";
import { getSweep, listHolds } from "../api/keeping";
import { listKeys } from "../api/keys";
import { getFactor, listAudit, listFindings, listPeople } from "../api/operations";
import { type Action, useSession } from "../api/session";
import { OverviewRow } from "../components/security/OverviewRow";
import { blocksLine } from "../lib/blocks";
import { periodStart } from "../lib/filters";
import {
  factorLine,
  healthLine,
  holdsLine,
  invitedLine,
  keptOutLine,
  keysLine,
  type OverviewLine,
  proposalsLine,
  refusedLine,
  summary,
  sweepLine,
} from "../lib/overview";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/settings.css";

const MOST = 100;

/** What there is to look at: who comes in and how, what waits for a decision, what is not in order. */
export default function Overview() {
  useTitle("Overview");
  const rows = useRows();
  const told = rows.flatMap(({ line }) => (line === null ? [] : [line]));
  const looking = rows.some(({ line, error }) => line === null && error === null);
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Overview</h1>
          <p>{looking ? "Looking at what waits for somebody." : summary(told)}</p>
        </div>
        <button
          type="button"
          className="b"
          disabled={rows.some(({ busy }) => busy)}
          onClick={() => {
            for (const row of rows) row.again();
          }}
        >
          Look again
        </button>
      </header>
      <ul className="card lines">
        {rows.map(({ about, line, error, way }) => (
          <OverviewRow key={about} about={about} line={line} error={error}>
            {way}
          </OverviewRow>
        ))}
      </ul>
    </div>
  );
}

interface Row {
  about: string;
  line: OverviewLine | null;
  error: Error | null;
  busy: boolean;
  again: () => void;
  /** The link to where it is mended. */
  way: ReactNode;
}

interface Asking<Data> {
  /** Null for what everybody may know of themselves. */
  action: Action | null;
  about: string;
  ask: (signal: AbortSignal) => Promise<Data>;
  tell: (data: Data) => OverviewLine;
  way: ReactNode;
}

/** Asks once, and only what somebody may know: reading is on record, so it is not asked again by itself. */
function useRow<Data>({ action, about, ask, tell, way }: Asking<Data>): Row | null {
  const may = useMay(action);
  const query = useQuery({
    queryKey: ["overview", about],
    queryFn: ({ signal }) => ask(signal),
    enabled: may,
  });
  if (!may) return null;
  const line = query.data === undefined ? null : tell(query.data);
  return { about, line, error: query.error, busy: query.isFetching, again: () => void query.refetch(), way };
}

function useMay(action: Action | null): boolean {
  const { allowed } = useSession();
  return action === null || allowed.includes(action);
}

function useRows(): Row[] {
  const now = useNow(60_000);
  const { person, allowed } = useSession();
  const me = person.id;
  const rows = [
    useRow({
      action: null,
      about: "What you sign in by",
      ask: getFactor,
      tell: ({ since, recovery_codes }) => factorLine(since, recovery_codes),
      way: (
        <Link className="b s" to="/settings/security">
          Password and app
        </Link>
      ),
    }),
    ...usePeopleRows(),
    useRow({
      action: "key.read",
      about: "API keys",
      ask: listKeys,
      tell: ({ items }) => keysLine(items, now),
      way: (
        <Link className="b s" to="/settings/keys">
          API keys
        </Link>
      ),
    }),
    useRow({
      action: "hold.read",
      about: "Holds",
      ask: listHolds,
      tell: ({ items }) => holdsLine(items, me, now),
      way: (
        <Link className="b s" to="/trust/holds" search={{}}>
          Holds
        </Link>
      ),
    }),
    useRow({
      action: "erasure.read",
      about: "Erasures by two",
      ask: listProposals,
      tell: ({ items, broken }) => proposalsLine(items, { me, allowed }, broken),
      way: (
        <Link className="b s" to="/trust/receipts" search={{}}>
          Receipts
        </Link>
      ),
    }),
    useRow({
      action: "retention.read",
      about: "The sweep",
      ask: getSweep,
      tell: sweepLine,
      way: (
        <Link className="b s" to="/settings/retention" search={{}}>
          Retention
        </Link>
      ),
    }),
    useRow({
      action: "health.read",
      about: "Health",
      ask: listFindings,
      tell: ({ items }) => healthLine(items),
      way: (
        <Link className="b s" to="/settings/health">
          Health
        </Link>
      ),
    }),
  ];
  return rows.filter((row) => row !== null);
}

function usePeopleRows(): (Row | null)[] {
  return [
    useRow({
      action: "person.manage",
      about: "Open invitations",
      ask: (signal) => listPeople({ state: "invited", limit: MOST }, signal),
      tell: ({ items, next_cursor }) => invitedLine(items, next_cursor !== null),
      way: (
        <Link className="b s" to="/people" search={{ state: "invited" }}>
          See who was invited
        </Link>
      ),
    }),
    useRow({
      action: "person.manage",
      about: "Who is kept out",
      ask: (signal) => listPeople({ state: "suspended", limit: MOST }, signal),
      tell: ({ items, next_cursor }) => keptOutLine(items, next_cursor !== null),
      way: (
        <Link className="b s" to="/people" search={{ state: "suspended" }}>
          See who is kept out
        </Link>
      ),
    }),
    useRow({
      action: "block.read",
      about: "Networks and browsers that are kept out",
      ask: listBlocks,
      tell: ({ items }) => blocksLine(items),
      way: (
        <Link className="b s" to="/trust/blocks">
          Blocks
        </Link>
      ),
    }),
    useRow({
      action: "audit.read",
      about: "Refused sign-ins",
      ask: (signal) =>
        listAudit(
          { action: "session.sign_in", outcome: "refused", from: periodStart("7d", new Date()), limit: MOST },
          signal,
        ),
      tell: ({ items, next_cursor }) => refusedLine(items, next_cursor !== null),
      way: (
        <Link
          className="b s"
          to="/trust/audit"
          search={{ action: "session.sign_in", outcome: "refused", last: "7d" }}
        >
          See them in the log
        </Link>
      ),
    }),
  ];
}
