import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { ApiError } from "../api/client";
import { forgotPassword } from "../api/operations";
import { Door, DoorField } from "../components/Door";
import { Wrong } from "../components/Wrong";
import { useTitle } from "../lib/useTitle";

/** Asks for a link to set a new password by. What is said after it is the same for every address. */
export default function Forgotten() {
  useTitle("Forgotten password");
  const ask = useMutation({ mutationFn: forgotPassword });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    ask.mutate(String(new FormData(event.currentTarget).get("email") ?? ""));
  };
  const noMail = ask.error instanceof ApiError && ask.error.slug === "no-mail";
  return (
    <Door title="Forgotten your password?">
      {ask.isSuccess ? (
        <p className="note" role="status">
          If somebody here signs in by {ask.variables}, a mail with a link is on its way to them. The link
          works once, for an hour. Nothing came? Look among unwanted mail, then ask an administrator of your
          organisation.
        </p>
      ) : (
        <>
          <p className="ink2">
            A link to choose a new one goes to your address. If you have an authenticator app, its code is
            asked for as before.
          </p>
          <form className="stack" onSubmit={submit}>
            <DoorField name="email" label="E-mail address" type="email" complete="username" maxLength={254} />
            {ask.error && (
              <Wrong error={ask.error} what={noMail ? "No mail can be sent." : "Nothing was sent."} />
            )}
            <button type="submit" className="b lead" disabled={ask.isPending}>
              {ask.isPending ? "Asking" : "Send me a link"}
            </button>
          </form>
        </>
      )}
      <p className="small">
        <Link className="link" to="/sign-in">
          Back to signing in
        </Link>
      </p>
    </Door>
  );
}
