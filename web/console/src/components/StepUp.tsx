import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { ApiError } from "../api/client";
import { stepUp } from "../api/operations";
import { Icon } from "./Icon";
import { explain } from "./States";
import "../styles/erasing.css";

/** Whether the server wants to know once more who somebody is before it does what was asked. */
export function needsStepUp(error: unknown): boolean {
  return error instanceof ApiError && error.slug === "step-up-required";
}

interface StepUpProps {
  /** What goes on then, as a button says it: "Erase this recording". */
  goOn: string;
  onProven: () => void;
  onCancel: () => void;
}

/** Asks for the password once more, for what is dangerous to leave to an open browser. */
export function StepUp({ goOn, onProven, onCancel }: StepUpProps) {
  const id = useId();
  const prove = useMutation({ mutationFn: stepUp, onSuccess: onProven });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    prove.mutate(String(new FormData(event.currentTarget).get("password") ?? ""));
  };
  return (
    <form className="erasing" onSubmit={submit}>
      <p className="ink2">Prove once more that it is you. It holds for five minutes in this browser.</p>
      <div className="fld">
        <label htmlFor={id}>Your password, or a code of your app</label>
        <input
          className="in"
          id={id}
          name="password"
          type="password"
          autoComplete="current-password"
          required
          // The form stands in the place of the button that was just pressed.
          // biome-ignore lint/a11y/noAutofocus: see above
          autoFocus
          aria-invalid={prove.isError}
        />
      </div>
      {prove.error && (
        <div className="note danger" role="alert">
          <Icon name="warn" />
          <div>
            {explain(prove.error).lines.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
        </div>
      )}
      <div className="actions">
        <button type="button" className="b" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="b end" disabled={prove.isPending}>
          {goOn}
        </button>
      </div>
    </form>
  );
}
