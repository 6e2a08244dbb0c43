import { useMutation } from "@tanstack/react-query";
import { endKey, type KeyItem, type MadeKey, rotateKey } from "../../api/keys";
import { ago } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import type { KeyChange } from "./KeyLine";

interface ChangeKeyDialogProps {
  item: KeyItem;
  change: KeyChange;
  onClose: () => void;
  /** A key was made anew. */
  onMade: (key: MadeKey) => void;
}

const words = {
  rotate: {
    title: "Make this key anew?",
    verb: "Make it anew",
    failed: "The key is as it was.",
    means:
      "The key as it is now is refused from that moment on, and a new one is shown once. It may do the same, and lasts as long as it was made for, from now on.",
  },
  end: {
    title: "End this key?",
    verb: "End the key",
    failed: "The key still works.",
    means:
      "Whatever uses it is refused from that moment on. It cannot be brought back; you can make another.",
  },
} as const;

/** Ends a key, or makes it anew: either way what has it now is refused at once. */
export function ChangeKeyDialog({ item, change, onClose, onMade }: ChangeKeyDialogProps) {
  const now = useNow(60_000);
  const act = useMutation({
    mutationFn: async () => (change === "rotate" ? rotateKey(item.id) : endKey(item.id)),
    onSuccess: async (made) => {
      await queryClient.invalidateQueries({ queryKey: ["keys"] });
      if (made) onMade(made);
      else onClose();
    },
  });
  const { title, verb, failed, means } = words[change];
  if (needsStepUp(act.error)) {
    return (
      <Dialog title={title} isOpen onClose={onClose}>
        <StepUp goOn={verb} onProven={() => act.mutate()} onCancel={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <p>
        <b>{item.name}</b> was{" "}
        {item.last_used_at === null ? "never used" : `last used ${ago(item.last_used_at, now)}`}.
      </p>
      <p className="ink2">{means}</p>
      {act.error && <Wrong error={act.error} what={failed} />}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className={change === "end" ? "b end" : "b lead"}
          disabled={act.isPending}
          onClick={() => act.mutate()}
        >
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
