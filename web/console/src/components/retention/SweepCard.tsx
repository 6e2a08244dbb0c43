import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { confirmSweep, getSweep, type Sweeping } from "../../api/keeping";
import { useAllowed } from "../../api/session";
import { formatCount, formatMoment, plural } from "../../lib/format";
import { brakeSentence, sweepStanding } from "../../lib/retention";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { explain } from "../States";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

/** What the sweep last did; where it waits, why, and the way to let it go on. */
export function SweepCard() {
  const sweep = useQuery({ queryKey: ["sweep"], queryFn: ({ signal }) => getSweep(signal) });
  const [asking, setAsking] = useState(false);
  const mayConfirm = useAllowed("retention.confirm");
  if (sweep.error && !sweep.data) {
    return (
      <p className="note attn" role="status">
        <Icon name="warn" />
        <span>How the sweep stands could not be read. {explain(sweep.error).lines.join(" ")}</span>
      </p>
    );
  }
  if (!sweep.data) return null;
  const standing = sweepStanding(sweep.data);
  const waits = standing === "waits";
  const attention = waits || standing === "stopped";
  return (
    <>
      <div className={attention ? "note attn" : "note"} role="status">
        <Icon name={attention ? "warn" : "clock"} />
        <div className="grow">
          <Words sweep={sweep.data} />
        </div>
        {waits && mayConfirm && (
          <button type="button" className="b s end" onClick={() => setAsking(true)}>
            Look and confirm…
          </button>
        )}
      </div>
      {asking && <ConfirmDialog sweep={sweep.data} onClose={() => setAsking(false)} />}
    </>
  );
}

function Words({ sweep }: { sweep: Sweeping }) {
  switch (sweepStanding(sweep)) {
    case "never":
      return <p>Nothing has been looked at yet. The first sweep comes within five minutes.</p>;
    case "done":
      return (
        <p>
          Everything was last looked at on <span className="num">{formatMoment(sweep.swept_at ?? "")}</span>.{" "}
          {sweep.swept === 0
            ? "Nothing was due."
            : `${plural(sweep.swept, "recording was", "recordings were")} queued to be erased.`}
        </p>
      );
    case "waits":
      return (
        <p>
          <b>The sweep waits.</b> {brakeSentence(sweep)} Nothing is erased until then; it waits since{" "}
          <span className="num">{formatMoment(sweep.waits_since ?? "")}</span>.
        </p>
      );
    case "stopped":
      return (
        <p>
          <b>Nothing is swept.</b> The clock of the installation is in doubt. Whoever runs the server sets it
          right and confirms the time; Health says more.
        </p>
      );
    case "confirmed":
      return <p>It was confirmed: the sweep goes on within five minutes.</p>;
  }
}

function ConfirmDialog({ sweep: now, onClose }: { sweep: Sweeping; onClose: () => void }) {
  // What is confirmed is what was read: another number comes into view only with the answer that says why.
  const [sweep, show] = useState(now);
  const reread = () => queryClient.invalidateQueries({ queryKey: ["sweep"] });
  const confirm = useMutation({
    mutationFn: () => confirmSweep(sweep.due),
    onSuccess: async () => {
      await reread();
      onClose();
    },
    onError: async () => {
      await reread();
      show((before) => queryClient.getQueryData<Sweeping>(["sweep"]) ?? before);
    },
  });
  const verb = `Erase ${plural(sweep.due, "recording")}`;
  if (needsStepUp(confirm.error)) {
    return (
      <Dialog title="Let the sweep go on?" isOpen onClose={onClose}>
        <StepUp goOn={verb} onProven={() => confirm.mutate()} onCancel={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title="Let the sweep go on?" isOpen onClose={onClose} alert>
      <p>
        <b className="num">{formatCount(sweep.due)}</b> are due,{" "}
        <b className="num">{formatCount(sweep.expected)}</b> had been foreseen. So many at once come from a
        shorter retention, or from a clock that was wrong. Look at the times below, and at the clock under
        Health, before you confirm.
      </p>
      <p className="ink2">What is erased does not come back. The confirmation is for this sweep alone.</p>
      {confirm.error && <Wrong error={confirm.error} what="The sweep still waits." />}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Let it wait
        </button>
        <button type="button" className="b end" disabled={confirm.isPending} onClick={() => confirm.mutate()}>
          <Icon name="erase" />
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
