import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import type { Proposal } from "../../api/erasing";
import { declineRequest, exportAddress, extendRequest, fulfilRequest } from "../../api/operations";
import { useAllowed, useSession } from "../../api/session";
import type { DataRequest } from "../../api/types";
import { formatDate, formatMoment } from "../../lib/format";
import { notify } from "../../lib/notices";
import { extentWords, outcomeWords, proposalOffers, waitWords } from "../../lib/proposals";
import { available, erases, isProposed, takesTwo, waits } from "../../lib/requests";
import { queryClient } from "../../queryClient";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import "../../styles/erasing.css";
import "../../styles/requests.css";

interface RequestFactsProps {
  request: DataRequest;
  /** What was proposed of it, where that is known. */
  proposal: Proposal | null;
  now: Date;
}

/** A request whole: what was asked and told, and what can be done about it. */
export function RequestFacts({ request, proposal, now }: RequestFactsProps) {
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
      {isProposed(request) && <Waiting request={request} proposal={proposal} now={now} />}
      {available(request, now) && !request.theirs_alone && (
        <p>
          <a className="b" href={exportAddress(request.id)} download>
            <Icon name="download" />
            Save it, to hand it on
          </a>
        </p>
      )}
      {available(request, now) && request.theirs_alone && (
        <p className="ink2">
          They have it in their My data until {formatMoment(request.available_until ?? "")}.
        </p>
      )}
      {waits(request) && <Decide request={request} waiting={proposal?.state === "waits"} />}
    </div>
  );
}

/** That somebody proposed to erase what is asked, and what is missing for it. */
function Waiting({ request, proposal, now }: RequestFactsProps) {
  const { person, allowed } = useSession();
  const looker = { me: person.id, allowed };
  const by = proposal?.asked_by ?? request.decided_by;
  const at = formatMoment(proposal?.asked_at ?? request.decided_at ?? "");
  if (proposal !== null && proposal.state !== "waits") {
    return (
      <p className="note attn">
        <span>
          <b>Nothing was erased.</b> What {proposal.asked_by.name} proposed on {at}{" "}
          {outcomeWords(proposal) ?? "came to nothing"}. The request is still open.
        </span>
      </p>
    );
  }
  const offers = proposal === null ? [] : proposalOffers(proposal, looker);
  return (
    <p className="note attn" role="status">
      <Icon name="people" />
      <span>
        <b>Proposed, and nothing is erased yet.</b> {by?.name ?? "Somebody"} proposed it on {at}
        {proposal !== null && `: ${extentWords(proposal.now)} would go`}.{" "}
        {(proposal && waitWords(proposal, looker, now)) ??
          "Somebody else who may erase people has to agree to it first."}{" "}
        {allowed.includes("erasure.read") && (
          <Link className="link" to="/trust/receipts" search={{}}>
            {offers.includes("agree")
              ? "Decide about it"
              : offers.includes("withdraw")
                ? "See it, or take it back"
                : "See what waits"}
          </Link>
        )}
      </span>
    </p>
  );
}

type Decision = "fulfil" | "decline" | "extend";

/** What deciding does, on its button: of somebody with an account, erasing is only proposed by it. */
function verbs(request: DataRequest): Record<Decision, string> {
  const whom = request.kind === "erase_recordings" ? "their recordings" : "them";
  const erase = takesTwo(request) ? `Propose to erase ${whom}` : `Erase ${whom} for good`;
  return {
    fulfil: erases(request) ? erase : "Do what is asked",
    decline: "Decline",
    extend: "Take two months longer",
  };
}

function Decide({ request, waiting }: { request: DataRequest; waiting: boolean }) {
  const [words, setWords] = useState("");
  const [last, setLast] = useState<Decision>("fulfil");
  const verb = verbs(request);
  const mayErase = useAllowed("subject.erase");
  const mayFulfil = !erases(request) || mayErase;
  const decide = useMutation({
    mutationFn: (decision: Decision) => send(request.id, decision, words.trim()),
    onSuccess: async (answer) => {
      if (isProposed(answer) && !isProposed(request)) {
        notify("It is proposed. Nothing is erased before somebody else agrees.");
      }
      await queryClient.invalidateQueries({ queryKey: ["proposals"] });
      await queryClient.invalidateQueries({ queryKey: ["requests"] });
    },
  });
  const go = (decision: Decision) => {
    setLast(decision);
    decide.mutate(decision);
  };
  if (needsStepUp(decide.error)) {
    return <StepUp goOn={verb[last]} onProven={() => go(last)} onCancel={() => decide.reset()} />;
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
      {waiting && <p className="small ink2">Declining takes back what was proposed for it.</p>}
      {!waiting && !mayFulfil && (
        <p className="small ink2">Whoever may erase people does what is asked. You may decline.</p>
      )}
      {!waiting && mayFulfil && takesTwo(request) && (
        <p className="small ink2">
          They have an account, so two decide. You propose it, and somebody else who may erase people agrees.
        </p>
      )}
      {decide.error && <Wrong error={decide.error} what="Nothing was changed." />}
      <div className="row decide">
        {mayFulfil && !waiting && (
          <button type="button" className="b lead" disabled={decide.isPending} onClick={() => go("fulfil")}>
            {verb.fulfil}
          </button>
        )}
        <button
          type="button"
          className="b"
          disabled={silent || decide.isPending}
          onClick={() => go("decline")}
        >
          {verb.decline}
        </button>
        {request.extended_at === null && (
          <button
            type="button"
            className="b"
            disabled={silent || decide.isPending}
            onClick={() => go("extend")}
          >
            {verb.extend}
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
