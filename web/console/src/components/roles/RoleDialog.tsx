import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { changeRole, makeRole, type NewRole, type Role, type Scope } from "../../api/roles";
import { grouped, reachWords, rightName, roleName, scopesOf } from "../../lib/roles";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface RoleDialogProps {
  /** The role to change; a new one where there is none. */
  changed: Role | null;
  roles: readonly Role[];
  onClose: () => void;
}

/** Makes or changes a role of one's own: its name, and how far each right reaches. */
export function RoleDialog({ changed: role, roles, onClose }: RoleDialogProps) {
  const id = useId();
  const [none, setNone] = useState(false);
  const save = useMutation({
    mutationFn: (asked: NewRole) => (role ? changeRole(role.id, asked) : makeRole(asked)),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["roles"] });
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const rights: Record<string, Scope> = {};
    for (const [field, value] of form.entries()) {
      if (field.includes(".") && value !== "") rights[field] = value as Scope;
    }
    setNone(Object.keys(rights).length === 0);
    if (Object.keys(rights).length > 0) save.mutate({ name: String(form.get("name") ?? "").trim(), rights });
  };
  const asked = save.variables;
  const verb = role ? "Change it for everybody who has it" : "Make the role";
  const stepUp = needsStepUp(save.error) && asked !== undefined;
  return (
    <Dialog title={role ? `Change ${roleName(role)}` : "Make a role"} isOpen onClose={onClose}>
      {stepUp && <StepUp goOn={verb} onProven={() => save.mutate(asked)} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} hidden={stepUp}>
        <div className="fld">
          <label htmlFor={`${id}-name`}>What it is called</label>
          <input
            className="in"
            id={`${id}-name`}
            name="name"
            required
            maxLength={80}
            autoComplete="off"
            defaultValue={role?.name ?? ""}
          />
          <span className="help">Whoever has it keeps what their main role allows.</span>
        </div>
        <div className="rrights">
          {grouped(roles.filter((one) => one.builtin)).map(({ name, actions }) => (
            <fieldset key={name}>
              <legend>{name}</legend>
              {actions.map((action) => (
                <label key={action} className="rright">
                  <span className="grow">
                    {rightName(action)} <code className="small ink3">{action}</code>
                  </span>
                  <select className="in" name={action} defaultValue={role?.rights[action]?.scope ?? ""}>
                    <option value="">not allowed</option>
                    {scopesOf(action, roles).map((scope) => (
                      <option key={scope} value={scope}>
                        {reachWords[scope]}
                      </option>
                    ))}
                  </select>
                </label>
              ))}
            </fieldset>
          ))}
        </div>
        {none && (
          <p className="err" role="alert">
            Choose at least one right. A role that allows nothing is none.
          </p>
        )}
        {save.error && !stepUp && (
          <Wrong error={save.error} what={role ? "The role is as it was." : "There is no new role."} />
        )}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={save.isPending}>
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
