import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { bringBack, keepOut, setManager, setRoles, setTeam, takeAccessAway } from "../../api/operations";
import { listRoles } from "../../api/roles";
import type { Person, TreeNode } from "../../api/types";
import { notify } from "../../lib/notices";
import { ROLES, roleNotes, roleWords } from "../../lib/people";
import { roleName } from "../../lib/roles";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { explain } from "../States";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import { MoveEffect, useLooking } from "./MoveEffect";
import { ManagerSelect, TeamSelect } from "./Selects";

/** What can be changed about somebody. */
export type PersonChange = "roles" | "manager" | "team" | "block" | "delete";

interface PersonDialogProps {
  change: PersonChange;
  person: Person;
  nodes: readonly TreeNode[];
  onClose: () => void;
  onDone: () => Promise<void>;
}

interface Wording {
  title: string;
  submit: string;
  failed: string;
  fields: ReactNode;
}

/** One change about somebody, said before it is made. */
export function PersonDialog(props: PersonDialogProps) {
  const { change, person, onClose, onDone } = props;
  const make = useMutation({
    mutationFn: (form: FormData) => send(change, person, form),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    make.mutate(new FormData(event.currentTarget));
  };
  const { title, submit: verb, failed, fields } = wording(props);
  const looking = useLooking();
  const asked = make.variables;
  const stepUp = needsStepUp(make.error) && asked !== undefined;
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      {stepUp && <StepUp goOn={verb} onProven={() => make.mutate(asked)} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} hidden={stepUp}>
        {fields}
        {make.error && !stepUp && <Wrong error={make.error} what={failed} />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className={change === "delete" ? "b end" : "b lead"}
            disabled={looking || make.isPending}
          >
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function send(change: PersonChange, person: Person, form: FormData): Promise<Person> {
  const text = (field: string) => String(form.get(field) ?? "").trim();
  switch (change) {
    case "roles": {
      const role = text("role");
      const also = form.getAll("also").map(String);
      return setRoles(person.id, { role, also: also.filter((one) => one !== role) });
    }
    case "manager":
      return setManager(person.id, text("manager") || null);
    case "team":
      return setTeam(person.id, text("team") || null);
    case "block": {
      const ends_at = new Date(Date.now() + Number(text("hours")) * 3_600_000).toISOString();
      return keepOut(person.id, { ends_at, reason: text("reason") });
    }
    case "delete":
      return leave(person);
  }
}

/** Takes access away, and offers to give it back. */
async function leave(person: Person): Promise<Person> {
  const gone = await takeAccessAway(person.id);
  notify(`${person.name} has no access any more.`, { undo: () => void comeBack(person) });
  return gone;
}

async function comeBack(person: Person): Promise<void> {
  try {
    await bringBack(person.id);
    notify(`${person.name} has access again, as before.`);
  } catch (error) {
    notify(`${person.name} still has no access. ${explain(error).lines.join(" ")}`, { failed: true });
  }
  await queryClient.invalidateQueries({ queryKey: ["people"] });
  await queryClient.invalidateQueries({ queryKey: ["person"] });
}

function wording({ change, person, nodes }: PersonDialogProps): Wording {
  const { name } = person;
  switch (change) {
    case "roles":
      return {
        title: `What may ${name} do?`,
        submit: "Give these roles",
        failed: "The role is as it was.",
        fields: <RoleFields person={person} />,
      };
    case "manager":
      return {
        title: `To whom does ${name} report?`,
        submit: "Change it",
        failed: "They report as before.",
        fields: (
          <>
            <ManagerSelect chosen={person.manager} except={person.id} />
            <p className="small ink2">
              A Manager sees what shows those who report to them, from now on; who did before does not any
              more. The line until today stays in their history.
            </p>
          </>
        ),
      };
    case "team":
      return {
        title: `In which team is ${name}?`,
        submit: "Move them",
        failed: "They are where they were.",
        fields: <TeamFields person={person} nodes={nodes} />,
      };
    case "block":
      return {
        title: `Keep ${name} out for a time?`,
        submit: "Keep them out",
        failed: "They may still come in.",
        fields: <BlockFields />,
      };
    case "delete":
      return {
        title: `Take ${name}’s access away?`,
        submit: "Take access away",
        failed: "They still have access.",
        fields: (
          <p className="ink2">
            They are signed out everywhere and cannot sign in. What is about them is kept, and you can give
            access back with everything as it was. To erase what is about them, erase it from a recording.
          </p>
        ),
      };
  }
}

function RoleFields({ person }: { person: Person }) {
  const known = useQuery({ queryKey: ["roles"], queryFn: ({ signal }) => listRoles(signal) });
  const roles = known.data?.items.filter((role) => !role.main) ?? [];
  // What somebody has is shown even where the list of roles is not there: it is not to be lost by saving.
  const unlisted = person.also.filter((id) => !roles.some((role) => role.id === id));
  const further = [
    ...roles.map((role) => ({ id: role.id, name: roleName(role) })),
    ...unlisted.map((id) => ({ id, name: roleWords[id] ?? id })),
  ];
  return (
    <>
      <fieldset className="roles">
        <legend>Main role</legend>
        {ROLES.map((role) => (
          <label key={role}>
            <input type="radio" name="role" value={role} defaultChecked={role === person.role} />
            <span>
              <b>{roleWords[role]}</b> <span className="small ink2">{roleNotes[role]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <fieldset className="roles">
        <legend>And beside it</legend>
        {further.map(({ id, name }) => (
          <label key={id}>
            <input type="checkbox" name="also" value={id} defaultChecked={person.also.includes(id)} />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <p className="small ink2">It holds at once. Everywhere else they are signed in, they are signed out.</p>
    </>
  );
}

/** Another team, with what its rules make other for them. */
function TeamFields({ person, nodes }: Pick<PersonDialogProps, "person" | "nodes">) {
  const [team, setTeam] = useState(person.team);
  return (
    <>
      <TeamSelect nodes={nodes} chosen={person.team} onChoose={setTeam} />
      {team !== person.team && <MoveEffect key={team} node={person.id} to={team} />}
    </>
  );
}

function BlockFields() {
  const id = useId();
  return (
    <>
      <div className="fld">
        <label htmlFor={`${id}-hours`}>For</label>
        <select className="in" id={`${id}-hours`} name="hours" defaultValue="24">
          <option value="1">an hour</option>
          <option value="24">a day</option>
          <option value="168">a week</option>
          <option value="720">30 days</option>
        </select>
      </div>
      <div className="fld">
        <label htmlFor={`${id}-reason`}>Why</label>
        <input className="in" id={`${id}-reason`} name="reason" required maxLength={500} />
        <span className="help">They are told that they are kept out, and until when. It ends by itself.</span>
      </div>
    </>
  );
}
