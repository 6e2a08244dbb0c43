import { useState } from "react";
import type { Problem } from "../api/types";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

const REASONS = ["Support ticket", "Quality review", "Security incident", "Something else"] as const;

interface ReasonProps {
  session: PlaySession;
  problem: Problem;
  busy: boolean;
}

/** Asks why, before anything is opened. The answer is part of the record. */
export function Reason({ session, problem, busy }: ReasonProps) {
  const subject = usePlayer(session, (state) => state.recording.subject.label);
  const tracks = usePlayer(session, (state) => state.recording.tracks.length);
  const [kind, setKind] = useState<(typeof REASONS)[number]>("Support ticket");
  const [reference, setReference] = useState("");
  const said = reference.trim();
  const complete = kind !== "Something else" || said !== "";
  const reason =
    kind === "Something else" ? said : said === "" ? kind.toLowerCase() : `${kind.toLowerCase()} ${said}`;
  return (
    <div className="gate" role="dialog" aria-labelledby="gate-title">
      <form
        className="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (complete && !busy) void session.begin(reason);
        }}
      >
        <h2 id="gate-title">Why are you opening this?</h2>
        <p className="ink2">
          {problem.detail ?? `${subject} can see your name, this reason and the parts you open.`} It stays on
          record.
        </p>
        <fieldset className="opts">
          <legend className="vh">Reason</legend>
          {REASONS.map((name) => (
            <label key={name} className={name === kind ? "opt on" : "opt"}>
              <input type="radio" name="reason" checked={name === kind} onChange={() => setKind(name)} />
              {name}
            </label>
          ))}
        </fieldset>
        <label className="field">
          <span className="vh">{kind === "Something else" ? "The reason, in your words" : "Reference"}</span>
          <input
            value={reference}
            maxLength={200}
            placeholder={kind === "Something else" ? "In your words" : "Reference, such as a ticket's number"}
            onChange={(event) => setReference(event.target.value)}
          />
        </label>
        <div className="row gfoot">
          <span className="small ink3 grow">Opens {tracks === 1 ? "one track" : `${tracks} tracks`}.</span>
          <button type="submit" className="b lead" disabled={!complete || busy}>
            Open and record why
          </button>
        </div>
      </form>
    </div>
  );
}
