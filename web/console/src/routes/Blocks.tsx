import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { listBlocks, type PlaceBlock } from "../api/blocks";
import { useAllowed } from "../api/session";
import { BrokenRows } from "../components/BrokenRows";
import { BlockDialog } from "../components/blocks/BlockDialog";
import { LiftDialog } from "../components/blocks/LiftDialog";
import { Icon } from "../components/Icon";
import { Empty, explain, Loading, Trouble } from "../components/States";
import { placeWords } from "../lib/blocks";
import { formatMoment } from "../lib/format";
import { useTitle } from "../lib/useTitle";
import "../styles/people.css";
import "../styles/settings.css";

/** Networks and browsers that are kept out for a time, and those that were within a month. */
export default function Blocks() {
  useTitle("Blocks");
  const may = useAllowed("block.manage");
  const [adding, setAdding] = useState(false);
  const [lifting, setLifting] = useState<PlaceBlock | null>(null);
  const blocks = useQuery({ queryKey: ["blocks"], queryFn: ({ signal }) => listBlocks(signal) });
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Blocks</h1>
          <p>
            Whoever comes from a blocked network, or with a blocked browser, is kept out for a time: nobody
            signs in there, and who is signed in goes on afterwards. Each ends by itself. A browser is blocked
            from its person, under People.
          </p>
        </div>
        {may && (
          <button type="button" className="b lead" onClick={() => setAdding(true)}>
            Block a network…
          </button>
        )}
      </header>
      {blocks.isPending && <Loading />}
      {blocks.error && !blocks.data && (
        <Trouble error={blocks.error} what="The blocks" retry={() => void blocks.refetch()} slim />
      )}
      {blocks.error && blocks.data && (
        <p className="note attn stale" role="status">
          <Icon name="warn" />
          <span>This list is not the newest: {explain(blocks.error).lines[0]}</span>
        </p>
      )}
      {blocks.data && <BrokenRows rows={blocks.data.broken} one="block" many="blocks" />}
      {blocks.data?.items.length === 0 && blocks.data.broken.length === 0 && (
        <Empty slim title="Nothing is blocked">
          <p>Nor was anything within the last month.</p>
        </Empty>
      )}
      {blocks.data && blocks.data.items.length > 0 && (
        <ul className="card lines">
          {blocks.data.items.map((block) => (
            <Line key={block.id} block={block} onLift={may ? () => setLifting(block) : null} />
          ))}
        </ul>
      )}
      {adding && <BlockDialog place={null} onClose={() => setAdding(false)} />}
      {lifting && <LiftDialog block={lifting} onClose={() => setLifting(null)} />}
    </div>
  );
}

function Line({ block, onLift }: { block: PlaceBlock; onLift: (() => void) | null }) {
  return (
    <li>
      <Icon name={block.runs ? "warn" : "check"} />
      <span className="grow">
        <b>{placeWords(block)}</b>
        <span className="small ink2">
          “{block.reason}” By {block.set_by.name}, <span className="num">{formatMoment(block.since)}</span>.
        </span>
        {block.lifted_by && (
          <span className="small ink2">
            Ended by {block.lifted_by.name}: “{block.lift_reason}”
          </span>
        )}
      </span>
      <span className="small ink2 num nowrap">
        {block.runs ? "until" : "ended"} {formatMoment(block.ends_at)}
      </span>
      {block.runs && onLift && (
        <button
          type="button"
          className="b s"
          aria-label={`End the block of ${placeWords(block)}`}
          onClick={onLift}
        >
          End it…
        </button>
      )}
    </li>
  );
}
