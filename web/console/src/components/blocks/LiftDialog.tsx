import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { liftBlock, type PlaceBlock } from "../../api/blocks";
import { placeWords } from "../../lib/blocks";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Wrong } from "../Wrong";

interface LiftDialogProps {
  block: PlaceBlock;
  onClose: () => void;
}

/** Ends a block before its time. */
export function LiftDialog({ block, onClose }: LiftDialogProps) {
  const id = useId();
  const lift = useMutation({
    mutationFn: (reason: string) => liftBlock(block.id, reason),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["blocks"] });
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    lift.mutate(String(new FormData(event.currentTarget).get("reason") ?? "").trim());
  };
  return (
    <Dialog title="End this block now?" isOpen onClose={onClose}>
      <form className="pform" onSubmit={submit}>
        <p className="ink2">{placeWords(block)} is let in again at once.</p>
        <div className="fld">
          <label htmlFor={id}>Why</label>
          <input className="in" id={id} name="reason" required maxLength={500} />
        </div>
        {lift.error && <Wrong error={lift.error} what="The block goes on." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={lift.isPending}>
            End it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
