import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { type MadeKey, makeKey, type NewKey } from "../../api/keys";
import { LASTS, scopeWords } from "../../lib/apiKeys";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface MakeKeyDialogProps {
  /** What may be given to a key. */
  scopes: readonly string[];
  onClose: () => void;
  onMade: (key: MadeKey) => void;
}

/** Makes a key: what it is called, what it may do, how long it lasts. */
export function MakeKeyDialog({ scopes, onClose, onMade }: MakeKeyDialogProps) {
  const id = useId();
  const [none, setNone] = useState(false);
  const make = useMutation({
    mutationFn: (key: NewKey) => makeKey(key),
    onSuccess: (made) => {
      void queryClient.invalidateQueries({ queryKey: ["keys"] });
      onMade(made);
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const chosen = form.getAll("scope").map(String);
    setNone(chosen.length === 0);
    if (chosen.length === 0) return;
    make.mutate({
      name: String(form.get("name") ?? "").trim(),
      scopes: chosen,
      days: Number(form.get("days")),
    });
  };
  const asked = make.variables;
  const stepUp = needsStepUp(make.error) && asked !== undefined;
  return (
    <Dialog title="Make an API key" isOpen onClose={onClose}>
      {stepUp && <StepUp goOn="Make the key" onProven={() => make.mutate(asked)} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} hidden={stepUp}>
        <div className="fld">
          <label htmlFor={`${id}-name`}>What it is for</label>
          <input
            className="in"
            id={`${id}-name`}
            name="name"
            required
            maxLength={80}
            autoComplete="off"
            placeholder="Such as the program that uses it"
          />
        </div>
        <fieldset className="roles" aria-describedby={none ? `${id}-none` : undefined}>
          <legend>What it may do</legend>
          {scopes.map((scope) => (
            <label key={scope}>
              <input type="checkbox" name="scope" value={scope} />
              <span>
                {scopeWords(scope)} <code className="small ink3">{scope}</code>
              </span>
            </label>
          ))}
          {none && (
            <p className="err" id={`${id}-none`} role="alert">
              Choose at least one. A key that may do nothing opens nothing.
            </p>
          )}
        </fieldset>
        <div className="fld">
          <label htmlFor={`${id}-days`}>It ends after</label>
          <select className="in" id={`${id}-days`} name="days">
            {LASTS.map(({ days, words }) => (
              <option key={days} value={days}>
                {words}
              </option>
            ))}
          </select>
          <span className="help">It never does more than you may do yourself, also later.</span>
        </div>
        {make.error && !stepUp && <Wrong error={make.error} what="There is no new key." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={make.isPending}>
            <Icon name="key" />
            Make the key
          </button>
        </div>
      </form>
    </Dialog>
  );
}
