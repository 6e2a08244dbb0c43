import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { type AskedErasure, proposeErasure } from "../../api/erasing";
import { useSession } from "../../api/session";
import { sameName } from "../../lib/erasures";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import { Proposed } from "./Proposed";

const VERB = "Propose to erase the organisation";
const WHENS = [
  {
    at_once: false,
    name: "It closes for 30 days",
    note: "Nothing new is recorded, everybody can take with them what is theirs, and it can still be kept.",
  },
  { at_once: true, name: "It is erased at once", note: "Nobody takes anything with them." },
];

/** Proposes that the whole organisation be erased. Nothing is erased by it. */
export function EraseOrganisationDialog({ onClose }: { onClose: () => void }) {
  const { organisation } = useSession();
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const [atOnce, setAtOnce] = useState(false);
  const [proposed, setProposed] = useState<AskedErasure | null>(null);
  const propose = useMutation({
    mutationFn: () => proposeErasure({ organisation: organisation.id }, reason.trim(), atOnce),
    onSuccess: (asked) => {
      setProposed(asked);
      void queryClient.invalidateQueries({ queryKey: ["proposals"] });
    },
  });
  const ready = sameName(typed, organisation.name) && reason.trim() !== "";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !propose.isPending) propose.mutate();
  };
  return (
    <Dialog title={proposed ? "It is proposed" : `${VERB}?`} isOpen onClose={onClose}>
      {proposed ? (
        <Proposed proposed={proposed} onClose={onClose} />
      ) : needsStepUp(propose.error) ? (
        <StepUp goOn={VERB} onProven={() => propose.mutate()} onCancel={onClose} />
      ) : (
        <form className="erasing" onSubmit={submit}>
          <p className="ink2">
            Nothing is erased by this. How many recordings and accounts would go is said next, and again to
            whoever is to agree; you can take it back until then.
          </p>
          <fieldset className="whats">
            <legend className="lab">When somebody has agreed</legend>
            {WHENS.map(({ at_once, name, note }) => (
              <label key={name} className={at_once === atOnce ? "on" : undefined}>
                <input
                  type="radio"
                  name="when"
                  checked={at_once === atOnce}
                  onChange={() => setAtOnce(at_once)}
                />
                <span>
                  <b>{name}</b> <span className="small ink2">{note}</span>
                </span>
              </label>
            ))}
          </fieldset>
          <label className="fld">
            <span className="lab">
              Type <b>{organisation.name}</b> to confirm
            </span>
            <input
              className="in"
              value={typed}
              autoComplete="off"
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
          <label className="fld">
            <span className="lab">Why, for whoever is to agree</span>
            <input
              className="in"
              value={reason}
              maxLength={500}
              placeholder="Needed"
              onChange={(event) => setReason(event.target.value)}
            />
          </label>
          {propose.error && <Wrong error={propose.error} what="Nothing was proposed." />}
          <div className="actions">
            <button type="button" className="b" onClick={onClose}>
              Keep it
            </button>
            <button type="submit" className="b end" disabled={!ready || propose.isPending}>
              <Icon name="erase" />
              {VERB}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
