import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { getTree } from "../../api/operations";
import { useAllowed } from "../../api/session";
import { letIn, type MadeSupport, type NewSupport } from "../../api/support";
import { branches, pathOfNode } from "../../lib/people";
import { rightName } from "../../lib/roles";
import { halves, hasParts, LASTS, USUAL } from "../../lib/support";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface LetInDialogProps {
  /** What may be lent. */
  lendable: readonly string[];
  /** Who was let in before. */
  known: readonly { id: string; name: string }[];
  onClose: () => void;
  onMade: (made: MadeSupport) => void;
}

/** Lets somebody from outside in: who, to what, where, why, and for how long. */
export function LetInDialog({ lendable, known, onClose, onMade }: LetInDialogProps) {
  const id = useId();
  const [who, setWho] = useState("");
  const [node, setNode] = useState("");
  const [none, setNone] = useState(false);
  const make = useMutation({
    mutationFn: letIn,
    onSuccess: (made) => {
      void queryClient.invalidateQueries({ queryKey: ["support"] });
      void queryClient.invalidateQueries({ queryKey: ["session"] });
      onMade(made);
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const asked = read(new FormData(event.currentTarget));
    setNone(asked.rights.length === 0);
    if (asked.rights.length > 0) make.mutate(asked);
  };
  const asked = make.variables;
  const stepUp = needsStepUp(make.error) && asked !== undefined;
  return (
    <Dialog title="Let somebody in" isOpen onClose={onClose}>
      {stepUp && <StepUp goOn="Let them in" onProven={() => make.mutate(asked)} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} hidden={stepUp}>
        {known.length > 0 && (
          <div className="fld">
            <label htmlFor={`${id}-who`}>Who</label>
            <select
              className="in"
              id={`${id}-who`}
              name="person"
              value={who}
              onChange={(event) => setWho(event.target.value)}
            >
              <option value="">somebody new</option>
              {known.map((person) => (
                <option key={person.id} value={person.id}>
                  {person.name}
                </option>
              ))}
            </select>
          </div>
        )}
        {who === "" && (
          <>
            <Field label="Their name" name="name" maxLength={80} />
            <Field label="Their e-mail address" name="email" type="email" maxLength={254} />
          </>
        )}
        <Where id={`${id}-where`} chosen={node} onChoose={setNode} />
        <Rights lendable={lendable} inPart={node !== ""} none={none} />
        <Field label="Why" name="reason" maxLength={500} help="They and whoever sees this page read it." />
        <div className="fld">
          <label htmlFor={`${id}-hours`}>It ends after</label>
          <select className="in" id={`${id}-hours`} name="hours" defaultValue="24">
            {LASTS.map(({ hours, words }) => (
              <option key={hours} value={hours}>
                {words}
              </option>
            ))}
          </select>
          <span className="help">You can end it before, at once.</span>
        </div>
        {make.error && !stepUp && <Wrong error={make.error} what="Nobody was let in." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={make.isPending}>
            Let them in
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function read(form: FormData): NewSupport {
  const text = (field: string) => String(form.get(field) ?? "").trim();
  const node = text("node") || null;
  const rights = form.getAll("right").map(String);
  const person = text("person");
  return {
    ...(person ? { person } : { name: text("name"), email: text("email") }),
    rights: node ? rights.filter(hasParts) : rights,
    node,
    reason: text("reason"),
    hours: Number(form.get("hours")),
  };
}

interface FieldProps {
  label: string;
  name: string;
  type?: "text" | "email";
  maxLength: number;
  help?: string;
}

function Field({ label, help, type = "text", ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="fld">
      <label htmlFor={id}>{label}</label>
      <input className="in" id={id} type={type} required autoComplete="off" {...input} />
      {help && <span className="help">{help}</span>}
    </div>
  );
}

/** Everywhere, or one domain, project or team. */
function Where({ id, chosen, onChoose }: { id: string; chosen: string; onChoose: (node: string) => void }) {
  const mayRead = useAllowed("tree.read");
  const tree = useQuery({
    queryKey: ["tree"],
    queryFn: ({ signal }) => getTree(signal),
    enabled: mayRead,
    staleTime: 60_000,
  });
  const nodes = tree.data?.items ?? [];
  if (nodes.length === 0) return null;
  return (
    <div className="fld">
      <label htmlFor={id}>Where</label>
      <select
        className="in"
        id={id}
        name="node"
        value={chosen}
        onChange={(event) => onChoose(event.target.value)}
      >
        <option value="">in the whole organisation</option>
        {branches(nodes).map(({ node }) => (
          <option key={node.id} value={node.id}>
            {pathOfNode(nodes, node.id)}
          </option>
        ))}
      </select>
    </div>
  );
}

interface RightsProps {
  lendable: readonly string[];
  inPart: boolean;
  none: boolean;
}

function Rights({ lendable, inPart, none }: RightsProps) {
  const { parts, whole } = halves(lendable);
  const box = (right: string) => (
    <label key={right}>
      <input type="checkbox" name="right" value={right} defaultChecked={USUAL.includes(right)} />
      <span>
        {rightName(right)} <code className="small ink3">{right}</code>
      </span>
    </label>
  );
  return (
    <>
      <fieldset className="roles">
        <legend>What they may do with recordings</legend>
        {parts.map(box)}
        <span className="help">Nobody from outside watches while a recording still goes on.</span>
      </fieldset>
      {whole.length > 0 && (
        <fieldset className="roles" disabled={inPart}>
          <legend>What else they may see</legend>
          {inPart ? (
            <span className="help">
              The rest is about the whole organisation, and cannot be lent for a part.
            </span>
          ) : (
            whole.map(box)
          )}
        </fieldset>
      )}
      {none && (
        <p className="err" role="alert">
          Choose at least one right. Whoever may do nothing is not in.
        </p>
      )}
    </>
  );
}
