import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { moveNode } from "../../api/operations";
import type { TreeNode } from "../../api/types";
import { placesFor } from "../../lib/moves";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import { MoveEffect, useLooking } from "./MoveEffect";

interface MoveDialogProps {
  node: TreeNode;
  nodes: readonly TreeNode[];
  onClose: () => void;
}

/** Hangs a project or a team elsewhere. What that makes other is shown before it is done. */
export function MoveDialog({ node, nodes, onClose }: MoveDialogProps) {
  const id = useId();
  const places = placesFor(node, nodes);
  const [to, setTo] = useState(node.parent);
  const move = useMutation({
    mutationFn: () => moveNode(node.id, to),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["tree"] });
      await queryClient.invalidateQueries({ queryKey: ["settings"] });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    move.mutate();
  };
  const looking = useLooking();
  const stepUp = needsStepUp(move.error);
  return (
    <Dialog title={`Move ${node.name}?`} isOpen onClose={onClose}>
      {stepUp && <StepUp goOn="Move it" onProven={() => move.mutate()} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} hidden={stepUp}>
        <div className="fld">
          <label htmlFor={`${id}-to`}>It belongs to</label>
          <select
            className="in"
            id={`${id}-to`}
            value={to ?? ""}
            onChange={(event) => setTo(event.target.value || null)}
          >
            {places.map((place) => (
              <option key={place.id} value={place.id ?? ""}>
                {place.name}
              </option>
            ))}
          </select>
        </div>
        {to !== node.parent && <MoveEffect key={to} node={node.id} to={to} />}
        {move.error && !stepUp && <Wrong error={move.error} what="It is where it was." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={to === node.parent || looking || move.isPending}>
            Move it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
