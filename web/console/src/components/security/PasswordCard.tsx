import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useRef, useState } from "react";
import { changePassword } from "../../api/operations";
import { Icon } from "../Icon";
import { Wrong } from "../Wrong";

/** Changes one's own password. */
export function PasswordCard() {
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const [differ, setDiffer] = useState(false);
  const change = useMutation({
    mutationFn: changePassword,
    onSuccess: () => form.current?.reset(),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (name: string) => String(given.get(name) ?? "");
    const same = text("new") === text("again");
    setDiffer(!same);
    if (!same) return;
    const old = text("old");
    change.mutate({ ...(old === "" ? {} : { old }), new: text("new") });
  };
  const field = (name: string, label: string, complete: string, required: boolean) => (
    <div className="fld">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <input
        className="in"
        id={`${id}-${name}`}
        name={name}
        type="password"
        autoComplete={complete}
        required={required}
      />
    </div>
  );
  return (
    <section className="card sec">
      <h2>Password</h2>
      <form ref={form} onSubmit={submit}>
        {field("old", "The one you have", "current-password", false)}
        {field("new", "A new one", "new-password", true)}
        {field("again", "The new one once more", "new-password", true)}
        <div role="status">
          {change.isSuccess && (
            <p className="note live">
              <Icon name="check" />
              <span>It is changed. Everywhere else you were signed in, you are signed out.</span>
            </p>
          )}
        </div>
        {differ && (
          <p className="note danger" role="alert">
            The two new ones are not the same.
          </p>
        )}
        {change.error && <Wrong error={change.error} what="Your password is as it was." />}
        <p>
          <button type="submit" className="b lead" disabled={change.isPending}>
            Change the password
          </button>
        </p>
      </form>
    </section>
  );
}
