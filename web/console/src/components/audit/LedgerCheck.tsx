import { useQuery } from "@tanstack/react-query";
import { ApiError } from "../../api/client";
import { ledgerProofs } from "../../api/operations";
import { formatCount, formatMoment } from "../../lib/format";
import {
  type LedgerCheck as Check,
  checkLedger,
  readCheckpoint,
  rememberCheckpoint,
  rememberedCheckpoint,
} from "../../lib/ledger";
import { CopyButton } from "../CopyButton";
import { Icon } from "../Icon";
import { explain } from "../States";

interface Shown {
  number: number;
  hash: string;
}

/** Compares the ledger with the checkpoint this browser saw last, and finds an entry of this page in it. */
export function LedgerCheck({ entry }: { entry: Shown }) {
  const check = useQuery({
    queryKey: ["ledger", entry.number, entry.hash],
    queryFn: ({ signal }) => checkNow(entry, signal),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return (
    <section className="chain-check" aria-label="The ledger of all entries">
      <div role="status">
        {check.isPending && <p className="ink2">This browser is checking the ledger.</p>}
        {check.data && <Result check={check.data} />}
        {check.error && <Failed error={check.error} />}
      </div>
    </section>
  );
}

async function checkNow(entry: Shown, signal: AbortSignal): Promise<Check> {
  const since = rememberedCheckpoint();
  const answer = await ledgerProofs({ since: since?.size ?? 0, entry: entry.number }, signal);
  const check = await checkLedger(answer, since, entry);
  const head = readCheckpoint(answer.checkpoint);
  if (check.kind === "held" && head) {
    const { size, root } = head;
    rememberCheckpoint({ note: answer.checkpoint, size, root, seen_at: new Date().toISOString() });
  }
  return check;
}

function Result({ check }: { check: Check }) {
  switch (check.kind) {
    case "held":
      return <Held check={check} />;
    case "rewritten":
      return (
        <div className="note danger">
          <Icon name="warn" />
          <div>
            <b>The ledger does not go on from the one this browser remembers.</b> On{" "}
            {formatMoment(check.since.seen_at)} it had {formatCount(check.since.size)} leaves; the one of{" "}
            {formatCount(check.size)} leaves now is not its continuation. History was rewritten or cut off.
            Keep the remembered checkpoint and give it to <code>clerestory verify ledger --against</code>.{" "}
            <CopyButton text={check.since.note} label="Copy the remembered checkpoint" />
          </div>
        </div>
      );
    case "not-in-it":
      return (
        <p className="note danger">
          <Icon name="warn" />
          <span>
            <b>Entry {formatCount(check.number)} as it is shown here is not the one in the ledger.</b> Run{" "}
            <code>clerestory verify ledger</code>.
          </span>
        </p>
      );
    case "unreadable":
      return (
        <p className="note danger">
          <Icon name="warn" />
          <span>The server sent a checkpoint that this browser cannot read.</span>
        </p>
      );
  }
}

function Held({ check }: { check: Extract<Check, { kind: "held" }> }) {
  const { since, entry } = check;
  const size = formatCount(check.size);
  return (
    <p className="ink2">
      This browser checked that{" "}
      {since
        ? `the ledger of ${size} leaves goes on from the one of ${formatCount(since.size)} it saw on ${formatMoment(since.seen_at)}`
        : `the ledger has a checkpoint of ${size} leaves, which it keeps to compare later ones with`}
      {entry
        ? `, and that entry ${formatCount(entry.number)} is leaf ${formatCount(entry.leaf)} of it.`
        : "; the entry shown has no leaf yet."}
    </p>
  );
}

function Failed({ error }: { error: Error }) {
  if (error instanceof ApiError && error.status === 404)
    return <p className="ink2">The ledger has no checkpoint yet; one is made within a second of an entry.</p>;
  return (
    <p className="note danger">
      <Icon name="warn" />
      <span>The ledger could not be checked. {explain(error).lines.join(" ")}</span>
    </p>
  );
}
