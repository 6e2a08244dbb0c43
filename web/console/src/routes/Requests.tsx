import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import type { Proposal } from "../api/erasing";
import { listRequests } from "../api/operations";
import { useAllowed } from "../api/session";
import type { DataRequest } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import { useProposals } from "../components/erasing/Proposals";
import { Icon, type IconName } from "../components/Icon";
import { EnterDialog } from "../components/requests/EnterDialog";
import { RequestFacts } from "../components/requests/RequestFacts";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { formatDate, formatTime, plural } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { isProposed, kindName, proposalFor, standing } from "../lib/requests";
import { moveRow } from "../lib/rows";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/recordings.css";
import "../styles/requests.css";

const route = getRouteApi("/shell/trust/requests");
const help = {
  title: "Requests",
  lines: [
    { keys: ["J", "K"], does: "Next and previous request" },
    { keys: ["Enter"], does: "Open or close it" },
  ],
};

/** What recorded people ask for about their own data, and by when they are to be answered. */
export default function Requests() {
  useTitle("Requests");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const { open } = route.useSearch();
  const navigate = route.useNavigate();
  const now = useNow(60_000);
  const mayEnter = useAllowed("request.manage");
  const [entering, setEntering] = useState(false);
  const list = useQuery({ queryKey: ["requests"], queryFn: ({ signal }) => listRequests(signal) });
  const items = list.data?.items ?? [];
  const mayRead = useAllowed("erasure.read");
  // Reading what is proposed is on record, so it is read only where something of it is here.
  const proposals = useProposals(mayRead && items.some(isProposed));
  const of = (request: DataRequest) => proposalFor(request, proposals.data?.items ?? []);
  const overdue = items.filter((request) => request.overdue).length;
  return (
    <div className="recs">
      <header className="fh tools">
        <div className="grow">
          <h1>Requests</h1>
          <p className="ink2">
            What recorded people ask for about their own data. What is due first stands first.
          </p>
        </div>
        {mayEnter && (
          <button type="button" className="b" onClick={() => setEntering(true)}>
            Enter one
          </button>
        )}
        <button type="button" className="b" disabled={list.isFetching} onClick={() => void list.refetch()}>
          Look again
        </button>
      </header>
      {list.isPending && <Loading />}
      {list.error && !list.data && (
        <Trouble error={list.error} what="The list of requests" retry={() => void list.refetch()} />
      )}
      {list.error && list.data && (
        <p className="note attn stale" role="status">
          <Icon name="warn" />
          <span>This list is not the newest: {explain(list.error).lines[0]}</span>
        </p>
      )}
      {overdue > 0 && (
        <p className="note attn stale" role="status">
          <Icon name="clock" />
          <span>{plural(overdue, "request was", "requests were")} to be answered by now.</span>
        </p>
      )}
      {list.isSuccess && items.length === 0 && <Nothing />}
      {items.length > 0 && (
        <DataTable
          label="Requests, what is due first on top"
          columns={columns(now, of)}
          rows={items}
          rowKey={(request) => request.id}
          rowLabel={(request) => `${kindName(request.kind)}, ${request.about.label}`}
          detail={(request) => <RequestFacts request={request} proposal={of(request)} now={now} />}
          openKey={open ?? null}
          onOpen={(key) => void navigate({ search: key === null ? {} : { open: key }, replace: true })}
        />
      )}
      {entering && <EnterDialog onClose={() => setEntering(false)} />}
    </div>
  );
}

const columns = (
  now: Date,
  of: (request: DataRequest) => Proposal | null,
): readonly Column<DataRequest>[] => [
  {
    id: "who",
    head: "About whom, and what",
    kind: "wide",
    cell: (request) => (
      <>
        <b>{request.about.label}</b> <span className="ink2">{kindName(request.kind)}</span>
      </>
    ),
  },
  {
    id: "asked",
    head: "Asked",
    kind: "aside",
    cell: (request) => (
      <span className="num nowrap">
        {formatTime(request.asked_at)} <span className="ink3 small">{formatDate(request.asked_at)}</span>
      </span>
    ),
  },
  {
    id: "state",
    head: "State",
    cell: (request) => (
      <span className={request.overdue ? "tag attn" : "tag"}>
        <Icon name={iconOf(request.state)} />
        {standing(request, now, of(request))}
      </span>
    ),
  },
];

/** What is declined or was taken back waits for nobody. */
function iconOf(state: string): IconName {
  if (state === "done") return "check";
  return state === "open" ? "clock" : "close";
}

function Nothing() {
  return (
    <Empty title="Nobody has asked">
      <p>
        Whoever is recorded may ask in their My data to see what is held about them, to have it, or that it be
        erased. For visitors you enter it here.
      </p>
    </Empty>
  );
}
