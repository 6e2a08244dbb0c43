import { useMutation } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { acceptInvitation } from "../api/operations";
import { sessionQuery } from "../api/session";
import { Door, DoorField, sameTwice } from "../components/Door";
import { Wrong } from "../components/Wrong";
import { useLinkToken } from "../lib/useLinkToken";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";

/** Coming in by an invitation: whoever holds the link sets the password they will sign in by. */
export default function Join() {
  useTitle("Invitation");
  const router = useRouter();
  const token = useLinkToken();
  const [differ, setDiffer] = useState(false);
  const join = useMutation({
    mutationFn: (password: string) => acceptInvitation(token ?? "", password),
    onSuccess: (session) => {
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      // About whoever is from outside there is nothing here.
      router.history.push(session.person.role === "support" ? "/trust/support" : "/my-data");
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const same = sameTwice(form);
    setDiffer(!same);
    if (same) join.mutate(String(form.get("password") ?? ""));
  };
  return (
    <Door title="You are invited">
      {token === null ? (
        <p className="ink2">
          This address carries no invitation. Open the link you were sent as it is, or ask for a new one.
        </p>
      ) : (
        <>
          <p className="ink2">
            Set the password you will sign in by. The link works once; nobody else ever knows this password.
          </p>
          <form className="stack" onSubmit={submit}>
            <DoorField
              name="password"
              label="Password"
              type="password"
              complete="new-password"
              wrong={join.isError}
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
            {join.error && <Wrong error={join.error} what="You are not in yet." />}
            <button type="submit" className="b lead" disabled={join.isPending}>
              {join.isPending ? "Checking" : "Set it and come in"}
            </button>
          </form>
        </>
      )}
    </Door>
  );
}
