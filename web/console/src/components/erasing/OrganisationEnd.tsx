import { useState } from "react";
import { goneFromCopies } from "../../lib/erasures";
import { formatDate, formatMoment } from "../../lib/format";
import { lastOf, outcomeWords } from "../../lib/proposals";
import { useNow } from "../../lib/useNow";
import { Icon } from "../Icon";
import { Loading, Trouble } from "../States";
import { EraseOrganisationDialog } from "./EraseOrganisationDialog";
import { useProposals, Waits } from "./Proposals";
import "../../styles/erasing.css";

/** The end of the organisation: what erasing it does, whether somebody proposed it, and the way to. */
export function OrganisationEnd() {
  const [proposing, setProposing] = useState(false);
  const list = useProposals();
  const last = lastOf(list.data?.items ?? [], "organisation");
  const outcome = last && outcomeWords(last);
  return (
    <section className="card sec" aria-labelledby="organisation-end">
      <h2 id="organisation-end">Erase the organisation</h2>
      {list.isPending && <Loading />}
      {list.error && !list.data && (
        <Trouble error={list.error} what="What is proposed" retry={() => void list.refetch()} slim />
      )}
      {last?.state === "waits" || last?.state === "closing" ? (
        <Waits proposal={last} />
      ) : (
        <>
          <Means />
          {last && outcome && (
            <p className="small ink2">
              What {last.asked_by.name} proposed on {formatMoment(last.asked_at)} {outcome}.
            </p>
          )}
          {list.data && (
            <div className="row">
              <button type="button" className="b end" onClick={() => setProposing(true)}>
                <Icon name="erase" />
                Propose to erase the organisation…
              </button>
            </div>
          )}
        </>
      )}
      {proposing && <EraseOrganisationDialog onClose={() => setProposing(false)} />}
    </section>
  );
}

/** What goes, what stays, who decides, and when copies lose it: before anything is proposed. */
function Means() {
  const now = useNow(60_000);
  const gone = formatDate(goneFromCopies(now));
  return (
    <dl className="conseq">
      <dt>
        <Icon name="erase" small />
        Goes
      </dt>
      <dd>
        Every recording, in the recycle bin too; everybody’s account, yours with them; API keys, sites, and
        what was said about what is captured and how long it is kept. Everybody is signed out then.
      </dd>
      <dt>
        <Icon name="clock" small />
        When
      </dt>
      <dd>
        30 days after somebody agreed, or at once if you propose it so. In between nothing new is recorded,
        everybody can take with them what is theirs, and whoever may erase the organisation can keep it.
      </dd>
      <dt>
        <Icon name="ledger" small />
        Stays
      </dt>
      <dd>
        The audit log, without names, and a signed receipt. Nobody is left here to read them: whoever runs the
        server has both.
      </dd>
      <dt>
        <Icon name="people" small />
        Who decides
      </dt>
      <dd>
        Two people. One proposes it, and another who may erase the organisation agrees within seven days;
        after that it is over. Where nobody else may, what you propose begins by itself after seven days,
        unless it is taken back. While a legal hold keeps anything of it, it cannot be erased.
      </dd>
      <dt>
        <Icon name="backup" small />
        Backups
      </dt>
      <dd>
        Copies made before lose it when the keys of that day are destroyed: were it agreed to today, on{" "}
        <b className="num">{gone}</b>, or later if a backup still needs them. It cannot be undone.
      </dd>
    </dl>
  );
}
