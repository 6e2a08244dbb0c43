import { useMutation } from "@tanstack/react-query";
import { changeHold, type Hold, type HoldChange } from "../../api/keeping";
import { changeWords, meaning, scopeWords } from "../../lib/holds";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface DecideDialogProps {
  hold: Hold;
  change: HoldChange;
  onClose: () => void;
}

/** One decision about a hold, with what it means, before it is made. */
export function DecideDialog({ hold, change, onClose }: DecideDialogProps) {
  const { verb, asks, failed } = changeWords[change];
  const reread = () => queryClient.invalidateQueries({ queryKey: ["holds"] });
  const decide = useMutation({
    mutationFn: () => changeHold(hold, change),
    onSuccess: async () => {
      await reread();
      onClose();
    },
    // Somebody else may have decided meanwhile.
    onError: reread,
  });
  if (needsStepUp(decide.error)) {
    return (
      <Dialog title={asks} isOpen onClose={onClose}>
        <StepUp goOn={verb} onProven={() => decide.mutate()} onCancel={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title={asks} isOpen onClose={onClose}>
      <p>
        <b>{hold.matter}</b>: {scopeWords(hold.scope).toLowerCase()}. “{hold.reason}”
      </p>
      <p className="ink2">{meaning(hold, change)} It is on record.</p>
      {decide.error && <Wrong error={decide.error} what={failed} />}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="b lead" disabled={decide.isPending} onClick={() => decide.mutate()}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
