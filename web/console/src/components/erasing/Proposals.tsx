import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { listProposals, type Proposal } from "../../api/erasing";
import { useSession } from "../../api/session";
import { formatMoment } from "../../lib/format";
import {
  doomedWords,
  extentWords,
  type ProposalChange,
  proposalOffers,
  proposalVerb,
  waitWords,
} from "../../lib/proposals";
import { useNow } from "../../lib/useNow";
import { BrokenRows } from "../BrokenRows";
import { Icon } from "../Icon";
import { explain } from "../States";
import { DecideProposal } from "./DecideProposal";

/** What is proposed, and was: the same list wherever it is asked for. */
export const useProposals = (enabled = true) =>
  useQuery({ queryKey: ["proposals"], queryFn: ({ signal }) => listProposals(signal), enabled });

/** The erasures that wait for a second person, and the way to decide them. */
export function Proposals() {
  const list = useProposals();
  if (list.error && !list.data) {
    return (
      <p className="note attn" role="status">
        <Icon name="warn" />
        <span>What is proposed could not be read. {explain(list.error).lines.join(" ")}</span>
      </p>
    );
  }
  const waiting = (list.data?.items ?? []).filter(({ state }) => state === "waits" || state === "closing");
  const broken = (list.data?.broken ?? []).filter(({ state }) => state === null || state === "waits");
  if (waiting.length + broken.length === 0) return null;
  return (
    <section className="stale proposals" aria-label="Erasures that wait for a second person">
      {waiting.map((proposal) => (
        <Waits key={proposal.id} proposal={proposal} />
      ))}
      <BrokenRows rows={broken} one="proposed erasure" many="proposed erasures" />
    </section>
  );
}

/** One that waits: what would go, who wants it and why, until when, and what one may do about it. */
export function Waits({ proposal }: { proposal: Proposal }) {
  const { person, allowed } = useSession();
  const now = useNow(60_000);
  const looker = { me: person.id, allowed };
  /** As it was shown: what is agreed to is what was read. */
  const [asked, setAsked] = useState<{ proposal: Proposal; change: ProposalChange } | null>(null);
  return (
    <article className="note attn proposal" aria-label={doomedWords(proposal)}>
      <Icon name="people" />
      <div className="grow">
        <p>
          <b>{doomedWords(proposal)}</b> is to be erased: {extentWords(proposal.now)}. Proposed by{" "}
          {proposal.asked_by.name}, <span className="num">{formatMoment(proposal.asked_at)}</span>.
        </p>
        <p className="ink2">
          {proposal.reason === null ? "Why cannot be opened any more." : `“${proposal.reason}”`}
        </p>
        <p className="small ink2">{waitWords(proposal, looker, now)}</p>
        <div className="row">
          {proposalOffers(proposal, looker).map((change) => (
            <button key={change} type="button" className="b s" onClick={() => setAsked({ proposal, change })}>
              {proposalVerb(proposal, change)}…
            </button>
          ))}
        </div>
      </div>
      {asked && <DecideProposal {...asked} onClose={() => setAsked(null)} />}
    </article>
  );
}
