import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Header, MenuItem, MenuSection, Separator } from "react-aria-components";
import { signOut, signOutEverywhere } from "../api/operations";
import type { Session } from "../api/types";
import { queryClient } from "../queryClient";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { ActionMenu } from "./Menu";
import { Person as Face } from "./Person";
import { explain } from "./States";

/** Who you are, where you are signed in, and the way out. */
export function AccountMenu({ session }: { session: Session }) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const leave = useMutation({
    mutationFn: (everywhere: boolean) => (everywhere ? signOutEverywhere() : signOut()),
    onSuccess: () => {
      queryClient.clear();
      void navigate({ to: "/sign-in" });
    },
  });
  const { person, organisation } = session;
  return (
    <>
      <ActionMenu
        label="Your account"
        trigger={
          <Button className="me" aria-label={`${person.name} ${person.initials}, your account`}>
            <span>{person.name}</span> <Face person={person} />
          </Button>
        }
      >
        <MenuSection>
          <Header className="menu-head">
            {person.email}, {person.role} of {organisation.name}
          </Header>
          <MenuItem className="mi" onAction={() => void navigate({ to: "/settings/sessions" })}>
            <Icon name="key" small />
            Where you are signed in
          </MenuItem>
        </MenuSection>
        <Separator className="menu-sep" />
        <MenuItem className="mi" onAction={() => leave.mutate(false)}>
          Sign out
        </MenuItem>
        <MenuItem className="mi" onAction={() => setAsking(true)}>
          Sign out everywhere…
        </MenuItem>
      </ActionMenu>
      <SignOutEverywhere
        isOpen={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => leave.mutate(true)}
      />
      <Dialog title="You are still signed in" isOpen={leave.isError} onClose={() => leave.reset()}>
        {leave.error && explain(leave.error).lines.map((line) => <p key={line}>{line}</p>)}
      </Dialog>
    </>
  );
}

/** The question before every session of a person ends. */
export function SignOutEverywhere(props: { isOpen: boolean; onClose: () => void; onConfirm: () => void }) {
  return (
    <Dialog title="Sign out everywhere?" isOpen={props.isOpen} onClose={props.onClose} alert>
      <p>
        Every browser you are signed in with is signed out, this one too. What you are watching there ends.
      </p>
      <div className="actions">
        <button type="button" className="b" onClick={props.onClose}>
          Stay signed in
        </button>
        <button type="button" className="b lead" onClick={props.onConfirm}>
          Sign out everywhere
        </button>
      </div>
    </Dialog>
  );
}
