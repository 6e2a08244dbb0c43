import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { askToWatch } from "../api/operations";
import type { Problem } from "../api/types";
import { explain } from "../components/States";
import type { PlaySession } from "./session";

/** Whether a refusal means that somebody else is to agree first. */
export const needsSecond = (slug: string): boolean => slug.startsWith("second-person-");

/** Asks somebody else to agree, and waits for it. */
export function SecondPerson({
  session,
  problem,
  slug,
}: {
  session: PlaySession;
  problem: Problem;
  slug: string;
}) {
  const [reason, setReason] = useState("");
  const ask = useMutation({
    mutationFn: (why: string) => askToWatch(session.state.recording.id, why),
    onSuccess: () => session.begin(),
  });
  const said = reason.trim();
  const waits = slug === "second-person-waited-for";
  return (
    <div className="gate" role="dialog" aria-labelledby="second-title">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (waits) void session.begin();
          else if (said !== "" && !ask.isPending) ask.mutate(said);
        }}
      >
        <h2 id="second-title">{problem.title}</h2>
        <p className="ink2">
          {problem.detail} {problem.what_to_do}
        </p>
        {!waits && (
          <label className="field">
            <span>Why you want to watch this</span>
            <input
              value={reason}
              maxLength={500}
              placeholder="Shown to whoever answers, and kept in the audit log"
              onChange={(event) => setReason(event.target.value)}
            />
          </label>
        )}
        {ask.error && (
          <p className="note attn" role="alert">
            {explain(ask.error).lines[0]}
          </p>
        )}
        <div className="row gfoot">
          <button type="submit" className="b lead" disabled={!waits && (said === "" || ask.isPending)}>
            {waits ? "Look again" : "Ask somebody to agree"}
          </button>
        </div>
      </form>
    </div>
  );
}
