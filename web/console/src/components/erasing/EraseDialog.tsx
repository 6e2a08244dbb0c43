import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { type AskedErasure, proposeErasure } from "../../api/erasing";
import { eraseRecording, eraseSubject } from "../../api/operations";
import { useAllowed } from "../../api/session";
import type { Erasure, RecordingItem } from "../../api/types";
import { parseClock, sameName } from "../../lib/erasures";
import { formatClock, formatCount } from "../../lib/format";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import { Consequences } from "./Consequences";
import { Proposed } from "./Proposed";
import { type What, WhatPicker } from "./WhatPicker";
import "../../styles/erasing.css";

export type Erasable = Pick<RecordingItem, "id" | "subject" | "started_at" | "duration_us">;

interface EraseDialogProps {
  recording: Erasable;
  /** Where one stands in it, where a part may be chosen; without it only the whole may. */
  atUs?: number;
  onClose: () => void;
  onErased: () => void;
}

/** Erases a recording, a part of it, or all recordings or everything about whom it shows; says what goes and what stays before. */
export function EraseDialog({ recording, atUs, onClose, onErased }: EraseDialogProps) {
  const [erasure, setErasure] = useState<Erasure | null>(null);
  const [proposed, setProposed] = useState<AskedErasure | null>(null);
  const erased = (done: Erasure | AskedErasure) => {
    if ("waits_for" in done && "now" in done) {
      setProposed(done);
      void queryClient.invalidateQueries({ queryKey: ["proposals"] });
      return;
    }
    setErasure(done);
    void queryClient.invalidateQueries({ queryKey: ["recordings"] });
    void queryClient.invalidateQueries({ queryKey: ["deletions"] });
    void queryClient.invalidateQueries({ queryKey: ["erasures"] });
    onErased();
  };
  return (
    <Dialog
      title={erasure ? "It is being erased" : proposed ? "It is proposed" : "Erase for good?"}
      isOpen
      onClose={onClose}
    >
      {erasure ? (
        <Done erasure={erasure} onClose={onClose} />
      ) : proposed ? (
        <Proposed proposed={proposed} onClose={onClose} />
      ) : (
        <EraseForm recording={recording} atUs={atUs ?? null} onClose={onClose} onErased={erased} />
      )}
    </Dialog>
  );
}

interface EraseFormProps {
  recording: Erasable;
  atUs: number | null;
  onClose: () => void;
  onErased: (erasure: Erasure | AskedErasure) => void;
}

interface Draft {
  what: What;
  from: string;
  to: string;
  name: string;
  reason: string;
}

function EraseForm({ recording, atUs, onClose, onErased }: EraseFormProps) {
  const label = recording.subject.label;
  const [draft, setDraft] = useState<Draft>({
    what: "recording",
    from: formatClock(atUs ?? 0),
    to: formatClock(Math.min(recording.duration_us, (atUs ?? 0) + 60_000_000)),
    name: "",
    reason: "",
  });
  const change = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
  const range = rangeOf(draft, recording);
  const erase = useMutation({ mutationFn: () => send(recording, draft, range), onSuccess: onErased });
  const beyond = isBeyond(draft.what);
  const byTwo = beyond && hasAccount(recording);
  const verb = byTwo ? proposes(label, draft.what) : verbs(label)[draft.what];
  if (needsStepUp(erase.error)) {
    return <StepUp goOn={verb} onProven={() => erase.mutate()} onCancel={onClose} />;
  }
  const silent = byTwo && draft.reason.trim() === "";
  const ready =
    !silent && (beyond ? sameName(draft.name, label) : draft.what === "recording" || range !== null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !erase.isPending) erase.mutate();
  };
  return (
    <form className="erasing" onSubmit={submit}>
      <WhatPicker
        label={label}
        chosen={draft.what}
        parts={atUs !== null}
        onChoose={(what) => change({ what })}
      />
      {draft.what === "part" && (
        <Part draft={draft} wrong={range === null} durationUs={recording.duration_us} onChange={change} />
      )}
      <Consequences what={draft.what} label={label} />
      {beyond && (
        <label className="fld">
          <span className="lab">
            Type <b>{label}</b> to confirm
          </span>
          <input
            className="in"
            value={draft.name}
            autoComplete="off"
            onChange={(event) => change({ name: event.target.value })}
          />
        </label>
      )}
      {byTwo && (
        <p className="note">
          <Icon name="people" />
          <span>
            They have an account, so two decide: somebody else who may erase them agrees to it first.
          </span>
        </p>
      )}
      <label className="fld">
        <span className="lab">{byTwo ? "Why, for whoever is to agree" : "Why, for the audit log"}</span>
        <input
          className="in"
          value={draft.reason}
          maxLength={500}
          placeholder={byTwo ? "Needed" : "May be left empty"}
          onChange={(event) => change({ reason: event.target.value })}
        />
      </label>
      {erase.error && <Wrong error={erase.error} what="Nothing was erased." />}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Keep it
        </button>
        <button type="submit" className="b end" disabled={!ready || erase.isPending}>
          <Icon name="erase" />
          {verb}
        </button>
      </div>
    </form>
  );
}

const verbs = (label: string): Record<What, string> => ({
  recording: "Erase this recording",
  part: "Erase this part",
  recordings: `Erase every recording about ${label}`,
  subject: `Erase everything about ${label}`,
});

const proposes = (label: string, what: What): string =>
  what === "recordings" ? `Propose to erase every recording about ${label}` : `Propose to erase ${label}`;

/** Whether more goes than the recording one looks at. */
const isBeyond = (what: What): boolean => what === "subject" || what === "recordings";

const hasAccount = ({ subject }: Erasable) => subject.person !== null && subject.person !== undefined;

function send(recording: Erasable, draft: Draft, range: Range | null): Promise<Erasure | AskedErasure> {
  const reason = draft.reason.trim();
  const { id } = recording.subject;
  const only = draft.what === "recordings";
  if (isBeyond(draft.what) && hasAccount(recording)) {
    return proposeErasure(only ? { recordings: id } : { subject: id }, reason);
  }
  const why = reason === "" ? {} : { reason };
  if (isBeyond(draft.what)) return eraseSubject(id, only ? { recordings_only: true, ...why } : why);
  const part = draft.what === "part" && range !== null ? { range } : {};
  return eraseRecording(recording.id, { ...part, ...why });
}

interface Range {
  from_us: number;
  to_us: number;
}

/** The part as it is typed, where it is one and lies in the recording. */
function rangeOf(draft: Draft, recording: Erasable): Range | null {
  const [from_us, to_us] = [parseClock(draft.from), parseClock(draft.to)];
  if (from_us === null || to_us === null || to_us <= from_us) return null;
  return from_us < recording.duration_us ? { from_us, to_us } : null;
}

interface PartProps {
  draft: Draft;
  wrong: boolean;
  durationUs: number;
  onChange: (part: Partial<Draft>) => void;
}

function Part({ draft, wrong, durationUs, onChange }: PartProps) {
  return (
    <div className="fld">
      <div className="part">
        <label>
          From{" "}
          <input
            className="in num"
            value={draft.from}
            aria-invalid={wrong}
            onChange={(event) => onChange({ from: event.target.value })}
          />
        </label>
        <label>
          to{" "}
          <input
            className="in num"
            value={draft.to}
            aria-invalid={wrong}
            onChange={(event) => onChange({ to: event.target.value })}
          />
        </label>
      </div>
      <p className={wrong ? "err" : "help"} role={wrong ? "alert" : undefined}>
        {wrong
          ? `Write two times such as 1:05 and 2:30, the first before the second and within ${formatClock(durationUs)}.`
          : "A little more may go: a part ends where something can be sealed anew, in pages at the next whole picture."}
      </p>
    </div>
  );
}

function Done({ erasure, onClose }: { erasure: Erasure; onClose: () => void }) {
  const receipts = useAllowed("erasure.read");
  return (
    <>
      <p>
        From now on nobody sees or plays it. Its keys are destroyed within seconds, then its bytes go, then a
        check that can only read looks whether anything is left and signs a receipt.
      </p>
      <p className="small ink2 done">
        On record as entry <span className="num">{formatCount(erasure.entry)}</span>.
      </p>
      <div className="actions">
        {receipts && (
          <Link className="b" to="/trust/receipts" search={{ of: erasure.target }}>
            Follow it under Receipts
          </Link>
        )}
        <button type="button" className="b lead" onClick={onClose}>
          Close
        </button>
      </div>
    </>
  );
}
