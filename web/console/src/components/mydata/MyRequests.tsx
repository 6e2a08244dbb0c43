import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { askForMyData, listMyRequests, myExportAddress, withdrawRequest } from "../../api/operations";
import type { DataRequest } from "../../api/types";
import { formatDate } from "../../lib/format";
import {
  askWords,
  available,
  isProposed,
  KINDS,
  type Kind,
  kindName,
  standing,
  waits,
} from "../../lib/requests";
import { useNow } from "../../lib/useNow";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { Trouble } from "../States";
import { Wrong } from "../Wrong";
import "../../styles/erasing.css";
import "../../styles/requests.css";

const QUERY = ["my-requests"];
const again = () => queryClient.invalidateQueries({ queryKey: QUERY });

/** What somebody may ask for about their own data, what they asked, and what they were told. */
export function MyRequests() {
  const [asking, setAsking] = useState<Kind | null>(null);
  const list = useQuery({ queryKey: QUERY, queryFn: ({ signal }) => listMyRequests(signal) });
  return (
    <section className="card requests">
      <div className="sh">
        <h2 className="grow">What you may ask for</h2>
      </div>
      <ul className="asks">
        {KINDS.map((kind) => (
          <li key={kind}>
            <button type="button" className="b" onClick={() => setAsking(kind)}>
              {askWords[kind].name}
            </button>
            <span className="small ink2">{askWords[kind].means}</span>
          </li>
        ))}
      </ul>
      {list.error && (
        <Trouble error={list.error} what="What you asked for" retry={() => void list.refetch()} slim />
      )}
      {list.data?.items.map((request) => (
        <Asked key={request.id} request={request} />
      ))}
      {asking && <Ask kind={asking} onClose={() => setAsking(null)} />}
    </section>
  );
}

function Asked({ request }: { request: DataRequest }) {
  const now = useNow(60_000);
  const withdraw = useMutation({ mutationFn: () => withdrawRequest(request.id), onSuccess: again });
  return (
    <div className="asked">
      <div className="row">
        <b className="grow">{kindName(request.kind)}</b>
        <span className={request.overdue ? "tag attn" : "tag"}>{standing(request, now)}</span>
      </div>
      <p className="small ink2 num">
        Asked on {formatDate(request.asked_at)}
        {request.state === "open" && `; you are answered by ${formatDate(request.due_at)}`}.
      </p>
      {request.extension_reason !== null && (
        <p className="small">It takes longer: {request.extension_reason}</p>
      )}
      {isProposed(request) && (
        <p className="small">
          Two people decide about it, as you have an account. One proposed it on{" "}
          {formatDate(request.decided_at ?? "")}. Nothing is erased before a second one agrees.
        </p>
      )}
      {request.answer !== null && <p className="small">{request.answer}</p>}
      {request.erasure !== null && <p className="small">{request.erasure.means}</p>}
      <div className="row">
        {available(request, now) && (
          <a className="b" href={myExportAddress(request.id)} download>
            <Icon name="download" />
            Save it, until {formatDate(request.available_until ?? "")}
          </a>
        )}
        {waits(request) && (
          <button type="button" className="b" disabled={withdraw.isPending} onClick={() => withdraw.mutate()}>
            Take it back
          </button>
        )}
      </div>
      {withdraw.error && <Wrong error={withdraw.error} what="Nothing was changed." />}
    </div>
  );
}

function Ask({ kind, onClose }: { kind: Kind; onClose: () => void }) {
  const [words, setWords] = useState("");
  const ask = useMutation({
    mutationFn: () => askForMyData(words.trim() === "" ? { kind } : { kind, words: words.trim() }),
    onSuccess: async () => {
      await again();
      onClose();
    },
  });
  return (
    <Dialog title={askWords[kind].name} isOpen onClose={onClose}>
      <form
        className="erasing"
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate();
        }}
      >
        <p className="ink2">{askWords[kind].means}</p>
        <label className="fld">
          <span className="lab">Anything to say about it</span>
          <textarea
            className="in"
            rows={3}
            value={words}
            maxLength={2000}
            placeholder="May be left empty"
            onChange={(event) => setWords(event.target.value)}
          />
        </label>
        {ask.error && <Wrong error={ask.error} what="Nothing was asked for." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={ask.isPending}>
            Ask
          </button>
        </div>
      </form>
    </Dialog>
  );
}
