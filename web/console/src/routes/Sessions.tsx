import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { endSession, listSessions, signOutEverywhere } from "../api/operations";
import type { SignedInSession } from "../api/types";
import { SignOutEverywhere } from "../components/AccountMenu";
import { Icon } from "../components/Icon";
import { explain, Loading, Trouble } from "../components/States";
import { ago, formatMoment } from "../lib/format";
import { notify } from "../lib/notices";
import { useNow } from "../lib/useNow";
import { browserWords } from "../lib/userAgent";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/settings.css";

/** Every browser one is signed in with, and the way to end them all. */
export default function Sessions() {
  useTitle("Where you are signed in");
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const sessions = useQuery({ queryKey: ["sessions"], queryFn: ({ signal }) => listSessions(signal) });
  const leave = useMutation({
    mutationFn: signOutEverywhere,
    onSuccess: () => {
      queryClient.clear();
      void navigate({ to: "/sign-in" });
    },
  });
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Where you are signed in</h1>
          <p>
            Each line is one browser. If you do not know one of them, sign out everywhere and change your
            password.
          </p>
        </div>
        <button type="button" className="b end" onClick={() => setAsking(true)}>
          Sign out everywhere…
        </button>
      </header>
      {leave.error && (
        <p className="note danger" role="alert">
          <Icon name="warn" />
          <span>You are still signed in everywhere. {explain(leave.error).lines.join(" ")}</span>
        </p>
      )}
      {sessions.isPending && <Loading />}
      {sessions.error && (
        <Trouble error={sessions.error} what="The list" retry={() => void sessions.refetch()} slim />
      )}
      {sessions.data && (
        <ul className="card lines">
          {sessions.data.items.map((session) => (
            <Line key={session.id} session={session} />
          ))}
        </ul>
      )}
      <SignOutEverywhere isOpen={asking} onClose={() => setAsking(false)} onConfirm={() => leave.mutate()} />
    </div>
  );
}

function Line({ session }: { session: SignedInSession }) {
  const now = useNow(30_000);
  const end = useMutation({
    mutationFn: () => endSession(session.id),
    onSuccess: () => notify("That browser is signed out."),
    onError: (error) =>
      notify(`That browser is still signed in. ${explain(error).lines.join(" ")}`, { failed: true }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["sessions"] }),
  });
  return (
    <li>
      <Icon name="web" />
      <span className="grow">
        <b>{browserWords(session.user_agent)}</b>
        <span className="small ink2 num">
          Signed in {formatMoment(session.created_at)}, ends {formatMoment(session.expires_at)}
          {session.device !== null && `, called ${session.device}`}
        </span>
      </span>
      {session.current ? (
        <span className="tag live">
          <Icon name="check" />
          this browser
        </span>
      ) : (
        <>
          <span className="small ink2 num nowrap">used {ago(session.last_used_at, now)}</span>
          <button
            type="button"
            className="b s"
            aria-label={`Sign out of ${browserWords(session.user_agent)}, used ${ago(session.last_used_at, now)}`}
            disabled={end.isPending}
            onClick={() => end.mutate()}
          >
            Sign out
          </button>
        </>
      )}
    </li>
  );
}
