import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { type HoldScope, proposeHold } from "../../api/keeping";
import type { Person, Site } from "../../api/types";
import { scopeOf, scopeWords } from "../../lib/holds";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface ProposeDialogProps {
  /** The ids one came with, of a recording, a subject, a site: the first is what is meant. */
  known: readonly string[];
  sites: readonly Site[];
  people: readonly Person[];
  onClose: () => void;
}

type Kind = "recording" | "subject" | "site" | "organisation";
const KINDS: readonly Kind[] = ["recording", "subject", "site", "organisation"];

interface Proposal {
  scope: HoldScope;
  matter: string;
  reason: string;
  review_days: number;
}

/** Proposes that something must not be erased. Nothing is held before somebody else confirms it. */
export function ProposeDialog({ known, sites, people, onClose }: ProposeDialogProps) {
  const id = useId();
  const [kind, setKind] = useState<Kind>(known.map(kindOfId).find((one) => one !== null) ?? "recording");
  const [wrong, setWrong] = useState(false);
  const [sent, setSent] = useState<Proposal | null>(null);
  const propose = useMutation({
    mutationFn: (proposal: Proposal) => proposeHold(proposal),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["holds"] });
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (field: string) => String(form.get(field) ?? "").trim();
    const scope = kind === "organisation" ? kind : scopeOf(text("target"));
    const fits = scope !== null && kindOf(scope) === kind;
    setWrong(!fits);
    if (!fits) return;
    const review_days = Number(text("review"));
    const proposal = { scope, matter: text("matter"), reason: text("reason"), review_days };
    setSent(proposal);
    propose.mutate(proposal);
  };
  const stepUp = needsStepUp(propose.error) && sent !== null;
  return (
    <Dialog title="Propose a hold" isOpen onClose={onClose}>
      {stepUp && <StepUp goOn="Propose it" onProven={() => propose.mutate(sent)} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} onInput={() => setWrong(false)} hidden={stepUp}>
        <fieldset className="roles">
          <legend>What must not be erased</legend>
          {KINDS.map((one) => (
            <label key={one}>
              <input type="radio" name="kind" checked={one === kind} onChange={() => setKind(one)} />
              <span>{scopeWords(one)}</span>
            </label>
          ))}
        </fieldset>
        <Target key={kind} id={id} kind={kind} known={known} sites={sites} people={people} wrong={wrong} />
        <div className="fld">
          <label htmlFor={`${id}-matter`}>The matter</label>
          <input className="in" id={`${id}-matter`} name="matter" required maxLength={200} />
          <span className="help">As your organisation calls it: a case, a complaint, a number.</span>
        </div>
        <div className="fld">
          <label htmlFor={`${id}-reason`}>Why it is needed</label>
          <textarea className="in" id={`${id}-reason`} name="reason" rows={3} required maxLength={2000} />
        </div>
        <div className="fld">
          <label htmlFor={`${id}-review`}>Somebody looks whether it is still needed after</label>
          <select className="in" id={`${id}-review`} name="review" defaultValue="90">
            <option value="30">30 days</option>
            <option value="90">90 days</option>
            <option value="180">180 days</option>
            <option value="365">a year</option>
          </select>
        </div>
        {propose.error && !stepUp && <Wrong error={propose.error} what="Nothing was proposed." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={propose.isPending}>
            <Icon name="hold" />
            Propose it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function kindOf(scope: HoldScope): Kind {
  if (scope === "organisation") return scope;
  if ("recording" in scope) return "recording";
  return "subject" in scope ? "subject" : "site";
}

function kindOfId(id: string): Kind | null {
  const scope = scopeOf(id);
  return scope === null ? null : kindOf(scope);
}

interface TargetProps extends Pick<ProposeDialogProps, "known" | "sites" | "people"> {
  id: string;
  kind: Kind;
  wrong: boolean;
}

/** What exactly it covers: chosen where there is a list of them, else by its id. */
function Target({ id, kind, known, sites, people, wrong }: TargetProps) {
  const given = known.find((one) => kindOfId(one) === kind) ?? "";
  const choices =
    kind === "site"
      ? sites.map((site) => ({ id: site.id, name: site.name }))
      : people.map((person) => ({ id: person.subject, name: person.name }));
  if (kind === "organisation") return null;
  if (kind === "recording" || (given !== "" && !choices.some((choice) => choice.id === given))) {
    return (
      <div className="fld">
        <label htmlFor={`${id}-target`}>
          {kind === "recording" ? "The recording’s id" : "Whose id, of a person or a visitor"}
        </label>
        <input
          className="in code"
          id={`${id}-target`}
          name="target"
          defaultValue={given}
          required
          autoComplete="off"
          aria-invalid={wrong}
          aria-describedby={`${id}-target-help`}
        />
        <span className={wrong ? "err" : "help"} id={`${id}-target-help`} role={wrong ? "alert" : undefined}>
          {kind === "recording"
            ? "rec_ and 32 letters and digits, from its page or its address."
            : "sub_ and 32 letters and digits."}
        </span>
      </div>
    );
  }
  return (
    <div className="fld">
      <label htmlFor={`${id}-target`}>{kind === "site" ? "Site" : "Person"}</label>
      <select className="in" id={`${id}-target`} name="target" defaultValue={given} required>
        {choices.map((choice) => (
          <option key={choice.id} value={choice.id}>
            {choice.name}
          </option>
        ))}
      </select>
      {kind === "subject" && (
        <span className="help">
          For a visitor, peek at one of their recordings in the list and choose “Hold…” there.
        </span>
      )}
    </div>
  );
}
