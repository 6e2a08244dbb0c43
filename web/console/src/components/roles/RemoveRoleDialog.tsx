import { useMutation } from "@tanstack/react-query";
import { type Role, removeRole } from "../../api/roles";
import { roleName } from "../../lib/roles";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

/** Removes a role of one's own, said before it is done. */
export function RemoveRoleDialog({ gone: role, onClose }: { gone: Role; onClose: () => void }) {
  const remove = useMutation({
    mutationFn: () => removeRole(role.id),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["roles"] });
      onClose();
    },
  });
  const lose = role.people === 1 ? "1 person loses it at once." : `${role.people} people lose it at once.`;
  const held = role.people === 0 ? "Nobody has it." : lose;
  const stepUp = needsStepUp(remove.error);
  return (
    <Dialog title={`Remove the role ${roleName(role)}?`} isOpen onClose={onClose} alert>
      {stepUp ? (
        <StepUp goOn="Remove the role" onProven={() => remove.mutate()} onCancel={onClose} />
      ) : (
        <>
          <p className="ink2">{held} What their other roles allow stays. It cannot be undone.</p>
          {remove.error && <Wrong error={remove.error} what="The role is still there." />}
          <div className="actions">
            <button type="button" className="b" onClick={onClose}>
              Cancel
            </button>
            <button
              type="button"
              className="b end"
              disabled={remove.isPending}
              onClick={() => remove.mutate()}
            >
              Remove the role
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
