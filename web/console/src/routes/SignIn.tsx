import { useMutation } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";
import { signIn, signInByLink, signInWithCode } from "../api/operations";
import { sessionQuery } from "../api/session";
import type { FactorNeeded, Session, SignInAnswer } from "../api/types";
import { Logo } from "../components/Brand";
import { Icon } from "../components/Icon";
import { explain } from "../components/States";
import { linkToken } from "../lib/signInLink";
import { queryClient } from "../queryClient";
import "../styles/sign-in.css";

const route = getRouteApi("/sign-in");

/** The door: a password, or a link that works once. */
export default function SignIn() {
  const router = useRouter();
  const { next } = route.useSearch();
  const welcome = (session: Session) => {
    // Somebody else may have been signed in here: what they saw is not shown again.
    queryClient.clear();
    queryClient.setQueryData(sessionQuery.queryKey, session);
    router.history.push(next ?? "/recordings");
  };
  const [pending, setPending] = useState<FactorNeeded | null>(null);
  const shown = (answer: SignInAnswer) => ("person" in answer ? welcome(answer) : setPending(answer));
  const byPassword = useMutation({
    mutationFn: (given: { email: string; password: string }) => signIn(given.email, given.password),
    onSuccess: shown,
  });
  const byLink = useMutation({ mutationFn: signInByLink, onSuccess: shown });
  const byCode = useMutation({
    mutationFn: (code: string) => signInWithCode(pending?.token ?? "", code),
    onSuccess: welcome,
  });
  // What was shown first counts for a short time, and for a few codes: then it is shown anew, or by somebody else.
  const again = () => {
    byPassword.reset();
    byLink.reset();
    byCode.reset();
    setPending(null);
  };
  useLink(byLink.mutate);
  const wait = useThrottle(byPassword.error);
  return (
    <main className="door">
      <div className="door-arch" aria-hidden="true" />
      <section className="card door-card">
        <p className="brand">
          <Logo />
          Clerestory
        </p>
        <h1>Sign in</h1>
        {next !== undefined && !byLink.isPending && <p className="ink2">You come back to where you were.</p>}
        {byLink.isPending && (
          <p className="note" role="status">
            The sign-in link is being checked.
          </p>
        )}
        {byLink.error && <Wrong error={byLink.error} title="This link did not sign you in" />}
        {pending === null ? (
          <>
            <PasswordForm
              busy={byPassword.isPending || byLink.isPending}
              wait={wait}
              onSubmit={(email, password) => byPassword.mutate({ email, password })}
            />
            {byPassword.error && <Wrong error={byPassword.error} title="You are not signed in" />}
            <p className="small">
              <Link className="link" to="/forgotten">
                Forgotten your password?
              </Link>
            </p>
          </>
        ) : (
          <>
            <CodeForm busy={byCode.isPending} onSubmit={(code) => byCode.mutate(code)} />
            {byCode.error && <Wrong error={byCode.error} title="You are not signed in" />}
            <button type="button" className="b" disabled={byCode.isPending} onClick={again}>
              Begin again
            </button>
          </>
        )}
      </section>
    </main>
  );
}

interface PasswordFormProps {
  busy: boolean;
  /** Seconds until the server listens again. */
  wait: number;
  onSubmit: (email: string, password: string) => void;
}

function PasswordForm({ busy, wait, onSubmit }: PasswordFormProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    onSubmit(String(form.get("email") ?? ""), String(form.get("password") ?? ""));
  };
  return (
    <form className="stack" onSubmit={submit}>
      <div className="fld">
        <label htmlFor="email">E-mail address</label>
        <input className="in" id="email" name="email" type="email" autoComplete="username" required />
      </div>
      <div className="fld">
        <label htmlFor="password">Password</label>
        <input
          className="in"
          id="password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
      </div>
      <button type="submit" className="b lead" disabled={busy || wait > 0}>
        {wait > 0 ? `Again in ${wait} s` : busy ? "Checking" : "Sign in"}
      </button>
    </form>
  );
}

/** The second half of signing in, for those who set up an app. */
function CodeForm({ busy, onSubmit }: { busy: boolean; onSubmit: (code: string) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get("code") ?? "");
    onSubmit(code.replaceAll(/\s/g, ""));
  };
  return (
    <form className="stack" onSubmit={submit}>
      <div className="fld">
        <label htmlFor="code">Code</label>
        <input
          className="in num"
          id="code"
          name="code"
          autoComplete="one-time-code"
          autoCapitalize="none"
          required
          // It stands where the password was, which has just been right.
          // biome-ignore lint/a11y/noAutofocus: see above
          autoFocus
          aria-describedby="code-help"
        />
        <span className="help" id="code-help">
          Six digits of your authenticator app. If you do not have it any more, one of your recovery codes.
        </span>
      </div>
      <button type="submit" className="b lead" disabled={busy}>
        {busy ? "Checking" : "Go on"}
      </button>
    </form>
  );
}

function Wrong({ error, title }: { error: Error; title: string }) {
  const told = explain(error);
  const refused = error instanceof ApiError;
  return (
    <div className="note danger" role="alert">
      <Icon name="warn" />
      <div>
        <b>{refused ? error.problem.title : title}</b>
        {told.lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
    </div>
  );
}

/** Uses a sign-in link's token once, and takes it out of the address before anything else sees it. */
function useLink(use: (token: string) => void): void {
  const used = useRef(false);
  useEffect(() => {
    const take = () => {
      const token = linkToken(location.hash);
      if (token === null || used.current) return;
      used.current = true;
      history.replaceState(history.state, "", location.pathname + location.search);
      use(token);
    };
    take();
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, [use]);
}

/** Counts the seconds down that the server asked to wait. */
function useThrottle(error: Error | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (!(error instanceof ApiError) || error.status !== 429) return setLeft(0);
    setLeft(error.retryAfter ?? 30);
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1000);
    return () => clearInterval(timer);
  }, [error]);
  return left;
}
