import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { declineRequest, exportAddress, extendRequest, fulfilRequest } from "../../api/operations";
import type { DataRequest } from "../../api/types";
import { formatDate, formatMoment } from "../../lib/format";
import { available, waits } from "../../lib/requests";
import { queryClient } from "../../queryClient";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import "../../styles/erasing.css";
import "../../styles/requests.css";

/** A request whole: what was asked and told, and what can be done about it. */
export function RequestFacts({ request, now }: { request: DataRequest; now: Date }) {
  return (
    <div className="proof-of">
      <p>
        Asked on {formatMoment(request.asked_at)}
        {request.asked_by.id !== request.about.person && `, entered by ${request.asked_by.name}`}. Due on{" "}
        {formatMoment(request.due_at)}.
      </p>
      {request.words !== null && <blockquote className="said">{request.words}</blockquote>}
      {request.extended_at !== null && (
        <p>
          On {formatDate(request.extended_at)} they were told that it takes longer: {request.extension_reason}
        </p>
      )}
      {request.decided_at !== null && request.state !== "open" && (
        <p>
          {request.decided_by === null ? "Done by itself" : `Decided by ${request.decided_by.name}`} on{" "}
          {formatMoment(request.decided_at)}
          {request.answer === null ? "." : `: ${request.answer}`}
        </p>
      )}
      {request.erasure !== null && (
        <p className={request.erasure.state === "restricted" ? "note attn" : "ink2"}>
          <span>
            {request.erasure.means}{" "}
            <Link className="link" to="/trust/receipts" search={{ of: request.erasure.id }}>
              Follow the erasure
            </Link>
          </span>
        </p>
      )}
      {available(request, now) && request.about.person === null && (
        <p>
          <a className="b" href={exportAddress(request.id)} download>
            <Icon name="download" />
            Save it, to hand it on
          </a>
        </p>
      )}
      {available(request, now) && request.about.person !== null && (
        <p className="ink2">
          They have it in their My data until {formatMoment(request.available_until ?? "")}.
        </p>
      )}
      {waits(request) && <Decide request={request} />}
    </div>
  );
}

type Decision = "fulfil" | "decline" | "extend";

const verbs: Record<Decision, string> = {
  fulfil: "Do what is asked",
  decline: "Decline",
  extend: "Take two months longer",
};

function Decide({ request }: { request: DataRequest }) {
  const [words, setWords] = useState("");
  const [last, setLast] = useState<Decision>("fulfil");
  const decide = useMutation({
    mutationFn: (decision: Decision) => send(request.id, decision, words.trim()),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["requests"] }),
  });
  const go = (decision: Decision) => {
    setLast(decision);
    decide.mutate(decision);
  };
  if (needsStepUp(decide.error)) {
    return <StepUp goOn={verbs[last]} onProven={() => go(last)} onCancel={() => decide.reset()} />;
  }
  const silent = words.trim() === "";
  const submit = (event: FormEvent) => event.preventDefault();
  return (
    <form className="erasing" onSubmit={submit}>
      <label className="fld">
        <span className="lab">What they are told</span>
        <textarea
          className="in"
          rows={2}
          value={words}
          maxLength={2000}
          placeholder="Needed where you decline or take longer"
          onChange={(event) => setWords(event.target.value)}
        />
      </label>
      {decide.error && <Wrong error={decide.error} what="Nothing was changed." />}
      <div className="row decide">
        <button type="button" className="b lead" disabled={decide.isPending} onClick={() => go("fulfil")}>
          {request.kind === "erase" ? "Erase them for good" : verbs.fulfil}
        </button>
        <button
          type="button"
          className="b"
          disabled={silent || decide.isPending}
          onClick={() => go("decline")}
        >
          {verbs.decline}
        </button>
        {request.extended_at === null && (
          <button
            type="button"
            className="b"
            disabled={silent || decide.isPending}
            onClick={() => go("extend")}
          >
            {verbs.extend}
          </button>
        )}
      </div>
    </form>
  );
}

function send(id: string, decision: Decision, words: string): Promise<DataRequest> {
  switch (decision) {
    case "fulfil":
      return fulfilRequest(id, words === "" ? {} : { answer: words });
    case "decline":
      return declineRequest(id, { reason: words });
    case "extend":
      return extendRequest(id, { reason: words });
  }
}
