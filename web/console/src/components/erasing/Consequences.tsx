import { goneFromCopies } from "../../lib/erasures";
import { formatDate } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { Icon } from "../Icon";
import type { What } from "./WhatPicker";

const goes = (label: string): Record<What, string> => ({
  recording: "Everything that was captured in it. Nobody opens it from the moment you confirm.",
  part: "What was captured between the two times, in every track. The player shows that it was erased.",
  recordings: `Everything that was captured about ${label}, in every recording there is now. What is recorded of them later is not touched.`,
  subject: `Everything that was captured about ${label}, in every recording, and what it takes to sign in. Everywhere they are signed in ends at once.`,
});

/** What goes, what stays, and when copies lose it: before anything is done. */
export function Consequences({ what, label }: { what: What; label: string }) {
  const gone = formatDate(goneFromCopies(useNow(60_000)));
  return (
    <dl className="conseq">
      <dt>
        <Icon name="erase" small />
        Goes
      </dt>
      <dd>{goes(label)[what]}</dd>
      <dt>
        <Icon name="ledger" small />
        Stays
      </dt>
      <dd>
        That there was something and when; who watched it; the entries of the audit log; a signed receipt.
      </dd>
      <dt>
        <Icon name="backup" small />
        Backups
      </dt>
      <dd>
        Copies made before now lose it when the keys of today are destroyed: on <b className="num">{gone}</b>,
        or later if a backup still needs them. The receipt says when. It cannot be undone.
      </dd>
    </dl>
  );
}
