import { useMutation } from "@tanstack/react-query";
import { agreeToErasure, declineErasure, type Proposal } from "../../api/erasing";
import { sessionQuery } from "../../api/session";
import { afterWords, doomedWords, extentWords, type ProposalChange, proposalVerb } from "../../lib/proposals";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface DecideProposalProps {
  /** As it was shown: what is agreed to is what was read. */
  proposal: Proposal;
  change: ProposalChange;
  onClose: () => void;
}

/** Agrees to what was proposed, refuses it or takes it back, said before it is done. */
export function DecideProposal({ proposal, change, onClose }: DecideProposalProps) {
  const reread = async () => {
    await queryClient.invalidateQueries({ queryKey: ["proposals"] });
    await queryClient.invalidateQueries({ queryKey: ["erasures"] });
    await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
  };
  const decide = useMutation({
    mutationFn: async () => {
      if (change === "agree") await agreeToErasure(proposal);
      else await declineErasure(proposal.id, change);
    },
    onSuccess: async () => {
      onClose();
      await reread();
    },
    // Somebody else may have decided meanwhile, or there is more of it.
    onError: reread,
  });
  const verb = proposalVerb(proposal, change);
  return (
    <Dialog title={`${verb}?`} isOpen onClose={onClose} alert={change === "agree"}>
      {needsStepUp(decide.error) ? (
        <StepUp goOn={verb} onProven={() => decide.mutate()} onCancel={onClose} />
      ) : (
        <>
          <p>
            <b>{doomedWords(proposal)}</b>: {extentWords(proposal.now)}.
            {proposal.reason === null ? " Why cannot be opened any more." : ` “${proposal.reason}”`}
          </p>
          <p className="ink2">{afterWords(proposal, change)}</p>
          {decide.error && <Wrong error={decide.error} what="Nothing was decided." />}
          <div className="actions">
            <button type="button" className="b" onClick={onClose}>
              Cancel
            </button>
            <button
              type="button"
              className={change === "agree" ? "b end" : "b lead"}
              disabled={decide.isPending}
              onClick={() => decide.mutate()}
            >
              {change === "agree" && <Icon name="erase" />}
              {verb}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
