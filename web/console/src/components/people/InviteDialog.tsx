import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { invitePerson } from "../../api/operations";
import type { Invitee, TreeNode } from "../../api/types";
import { formatMoment } from "../../lib/format";
import { ROLES, roleNotes, roleWords } from "../../lib/people";
import { queryClient } from "../../queryClient";
import { CopyButton } from "../CopyButton";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import { ManagerSelect, TeamSelect } from "./Selects";

interface InviteDialogProps {
  nodes: readonly TreeNode[];
  onClose: () => void;
}

/** Asks somebody to come: a link that works once, by which they set their own password. */
export function InviteDialog({ nodes, onClose }: InviteDialogProps) {
  const [invitee, setInvitee] = useState<Invitee | null>(null);
  const invite = useMutation({
    mutationFn: invitePerson,
    onSuccess: (done) => {
      setInvitee(done);
      void queryClient.invalidateQueries({ queryKey: ["people"] });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (field: string) => String(form.get(field) ?? "").trim();
    invite.mutate({
      name: text("name"),
      email: text("email"),
      role: text("role"),
      team: text("team") || null,
      manager: text("manager") || null,
    });
  };
  const asked = invite.variables;
  const stepUp = needsStepUp(invite.error) && asked !== undefined;
  if (invitee !== null) return <LinkDialog invitee={invitee} onClose={onClose} />;
  return (
    <Dialog title="Invite somebody" isOpen onClose={onClose}>
      {stepUp && <StepUp goOn="Invite" onProven={() => invite.mutate(asked)} onCancel={onClose} />}
      <form className="pform" onSubmit={submit} hidden={stepUp}>
        <Field label="Name" name="name" type="text" maxLength={80} />
        <Field label="E-mail address" name="email" type="email" maxLength={254} />
        <fieldset className="roles">
          <legend>Role</legend>
          {ROLES.map((role) => (
            <label key={role}>
              <input type="radio" name="role" value={role} defaultChecked={role === "member"} />
              <span>
                <b>{roleWords[role]}</b> <span className="small ink2">{roleNotes[role]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <ManagerSelect chosen={null} />
        <TeamSelect nodes={nodes} chosen={null} />
        {invite.error && !stepUp && <Wrong error={invite.error} what="Nobody was invited." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={invite.isPending}>
            <Icon name="mail" />
            Invite
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface FieldProps {
  label: string;
  name: string;
  type: "text" | "email";
  maxLength: number;
}

function Field({ label, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="fld">
      <label htmlFor={id}>{label}</label>
      <input className="in" id={id} required autoComplete="off" {...input} />
    </div>
  );
}

/** How somebody comes: by a mail that is on its way, or by a link that is shown this once. */
export function LinkDialog({ invitee, onClose }: { invitee: Invitee; onClose: () => void }) {
  const { person, link } = invitee;
  const until = <b className="num">{formatMoment(invitee.expires_at)}</b>;
  return (
    <Dialog title={`${person.name} is invited`} isOpen onClose={onClose} alert>
      {link === null ? (
        <p>
          A mail with a link is on its way to {person.email}. It works once, until {until}; by it they set a
          password of their own.
        </p>
      ) : (
        <>
          <p>
            They come by this link and set a password of their own. It works once, until {until}, and is not
            shown again. Give it to nobody else.
          </p>
          <p className="link-box">
            <code>{link}</code>
          </p>
        </>
      )}
      <div className="actions">
        {link !== null && <CopyButton text={link} label="Copy the link" />}
        <button type="button" className="b lead" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
