import { useMutation } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { setUp } from "../api/operations";
import { sessionQuery } from "../api/session";
import { Door, DoorField, sameTwice } from "../components/Door";
import { Wrong } from "../components/Wrong";
import { useLinkToken } from "../lib/useLinkToken";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";

/** The first run: the organisation and who runs it, by the link that the server printed. */
export default function SetUp() {
  useTitle("First run");
  const router = useRouter();
  const token = useLinkToken();
  const [differ, setDiffer] = useState(false);
  const make = useMutation({
    mutationFn: setUp,
    onSuccess: (session) => {
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      router.history.push("/settings/sites");
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const same = sameTwice(form);
    setDiffer(!same);
    if (!same) return;
    const text = (name: string) => String(form.get(name) ?? "").trim();
    make.mutate({
      token: token ?? "",
      organisation: text("organisation"),
      name: text("name"),
      email: text("email"),
      password: String(form.get("password") ?? ""),
    });
  };
  return (
    <Door title="The first one here">
      {token === null ? (
        <p className="ink2">
          This address carries no secret. Open the whole link that the server printed when it started.
        </p>
      ) : (
        <>
          <p className="ink2">
            This installation has no organisation yet. What you write here makes the first, with you as its
            Admin. The link works once.
          </p>
          <form className="stack" onSubmit={submit}>
            <DoorField name="organisation" label="Organisation" complete="organization" maxLength={80} />
            <DoorField name="name" label="Your name" complete="name" maxLength={80} />
            <DoorField
              name="email"
              label="Your e-mail address"
              type="email"
              complete="username"
              maxLength={254}
            />
            <DoorField name="password" label="Password" type="password" complete="new-password" />
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
            {make.error && <Wrong error={make.error} what="Nothing was made yet." />}
            <button type="submit" className="b lead" disabled={make.isPending}>
              {make.isPending ? "Making it" : "Begin"}
            </button>
          </form>
        </>
      )}
    </Door>
  );
}
