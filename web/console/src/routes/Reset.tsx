import { useMutation } from "@tanstack/react-query";
import { Link, useRouter } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { resetPassword } from "../api/operations";
import { sessionQuery } from "../api/session";
import type { SignInAnswer } from "../api/types";
import { Door, DoorField, sameTwice } from "../components/Door";
import { Wrong } from "../components/Wrong";
import { useLinkToken } from "../lib/useLinkToken";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";

/** Sets a new password by the link of a mail. Whoever has an app signs in with its code after it. */
export default function Reset() {
  useTitle("New password");
  const router = useRouter();
  const token = useLinkToken();
  const [differ, setDiffer] = useState(false);
  const reset = useMutation({
    mutationFn: (password: string) => resetPassword(token ?? "", password),
    onSuccess: (answer: SignInAnswer) => {
      if (!("person" in answer)) return;
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, answer);
      router.history.push("/recordings");
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const same = sameTwice(form);
    setDiffer(!same);
    if (same) reset.mutate(String(form.get("password") ?? ""));
  };
  if (reset.isSuccess) return <Done />;
  return (
    <Door title="A new password">
      {token === null ? (
        <p className="ink2">
          This address carries no link. Open the one you were sent as it is, or{" "}
          <Link className="link" to="/forgotten">
            ask for a new one
          </Link>
          .
        </p>
      ) : (
        <>
          <p className="ink2">The link works once. Everywhere you are signed in you are signed out by it.</p>
          <form className="stack" onSubmit={submit}>
            <DoorField
              name="password"
              label="New password"
              type="password"
              complete="new-password"
              wrong={reset.isError}
            />
            <DoorField
              name="again"
              label="The same once more"
              type="password"
              complete="new-password"
              wrong={differ}
            />
            {differ && (
              <p className="note danger" role="alert">
                The two are not the same.
              </p>
            )}
            {reset.error && <Wrong error={reset.error} what="Your password is as it was." />}
            <button type="submit" className="b lead" disabled={reset.isPending}>
              {reset.isPending ? "Checking" : "Set it"}
            </button>
          </form>
        </>
      )}
    </Door>
  );
}

function Done() {
  return (
    <Door title="Your password is set">
      <p className="note" role="status">
        Sign in with it, and with the code of your authenticator app.
      </p>
      <Link className="b lead" to="/sign-in">
        Sign in
      </Link>
    </Door>
  );
}
