import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { bringBack, getPerson, inviteAgain, letIn } from "../../api/operations";
import { useAllowed, useSession } from "../../api/session";
import type { Invitee, Person, PersonInFull, TreeNode } from "../../api/types";
import { formatDate, formatMoment } from "../../lib/format";
import { pathOfNode, rolesWords } from "../../lib/people";
import { queryClient } from "../../queryClient";
import { explain } from "../States";
import { Wrong } from "../Wrong";
import { nameIn } from "./columns";
import { Days } from "./Days";
import { Devices } from "./Devices";
import { LinkDialog } from "./InviteDialog";
import { type PersonChange, PersonDialog } from "./PersonDialog";
import { PictureField } from "./PictureField";
import { Recorders } from "./Recorders";

interface PersonFactsProps {
  person: Person;
  people: readonly Person[];
  nodes: readonly TreeNode[];
}

/** Somebody whole: what they are here, to whom they reported before, what keeps them out, and what can be changed. */
export function PersonFacts({ person, people, nodes }: PersonFactsProps) {
  const full = useQuery({
    queryKey: ["person", person.id],
    queryFn: ({ signal }) => getPerson(person.id, signal),
  });
  const mayHold = useAllowed("hold.place");
  const mayBlock = useAllowed("block.manage");
  const mayList = useAllowed("recording.list");
  const own = useSession().person.id === person.id;
  const mayManage = useAllowed("person.manage");
  const mayEndRecorders = useAllowed("recorder.end") && mayManage;
  const mayPicture = useAllowed("person.picture") && (own || mayManage);
  return (
    <div className="person">
      {mayPicture && <PictureField person={person} own={own} />}
      <dl className="entry-facts">
        <dt>Role</dt>
        <dd>{rolesWords(person.role, person.also)}</dd>
        <dt>Reports to</dt>
        <dd>{nameIn(people, person.manager) ?? "nobody"}</dd>
        <dt>Team</dt>
        <dd>{pathOfNode(nodes, person.team) ?? "none"}</dd>
        <dt>Here since</dt>
        <dd className="num">{formatDate(person.created_at)}</dd>
        {full.data && <History full={full.data} people={people} />}
      </dl>
      {full.error && <p className="ink2">Their history could not be read. {explain(full.error).lines[0]}</p>}
      {full.data && <Blocks full={full.data} people={people} />}
      <Actions person={person} nodes={nodes} />
      {mayList && <Days person={person.id} name={person.name} />}
      {mayBlock && person.state !== "soft_deleted" && <Devices person={person.id} />}
      {mayEndRecorders && person.state !== "soft_deleted" && <Recorders person={person.id} />}
      <p className="small ink2 links">
        <Link className="link" to="/trust/audit" search={{ actor: person.id }}>
          What they did, in the audit log
        </Link>
        {mayHold && (
          <Link className="link" to="/trust/holds" search={{ about: person.subject }}>
            Hold everything about them
          </Link>
        )}
      </p>
    </div>
  );
}

function History({ full, people }: { full: PersonInFull; people: readonly Person[] }) {
  const before = full.reporting_lines.filter((line) => line.ended_at !== null);
  if (before.length === 0) return null;
  return (
    <>
      <dt>Reported before to</dt>
      <dd>
        {before.map((line) => (
          <span key={line.since} className="num">
            {nameIn(people, line.manager)}, {formatDate(line.since)} to{" "}
            {formatDate(line.ended_at ?? line.since)}.{" "}
          </span>
        ))}
      </dd>
    </>
  );
}

function Blocks({ full, people }: { full: PersonInFull; people: readonly Person[] }) {
  const mayBlock = useAllowed("person.manage");
  const lift = useMutation({
    mutationFn: (block: string) => letIn(full.id, block),
    onSuccess: refresh,
  });
  if (full.blocks.length === 0) return null;
  return (
    <ul className="blocks">
      {full.blocks.map((block) => (
        <li key={block.id} className="note attn">
          <span className="grow">
            <b>
              Kept out {block.session !== null && "of one session "}until{" "}
              <span className="num">{formatMoment(block.ends_at)}</span>.
            </b>{" "}
            {block.reason} Set by {nameIn(people, block.set_by) ?? "the command line"}.
          </span>
          {mayBlock && (
            <button
              type="button"
              className="b s"
              disabled={lift.isPending}
              onClick={() => lift.mutate(block.id)}
            >
              Let them in now
            </button>
          )}
        </li>
      ))}
      {lift.error && <Wrong error={lift.error} what="They are still kept out." />}
    </ul>
  );
}

async function refresh(): Promise<void> {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ["people"] }),
    queryClient.invalidateQueries({ queryKey: ["person"] }),
  ]);
}

function Actions({ person, nodes }: Pick<PersonFactsProps, "person" | "nodes">) {
  const [changing, setChanging] = useState<PersonChange | null>(null);
  const [invitee, setInvitee] = useState<Invitee | null>(null);
  const again = useMutation({ mutationFn: () => inviteAgain(person.id), onSuccess: setInvitee });
  const back = useMutation({ mutationFn: () => bringBack(person.id), onSuccess: refresh });
  const gone = person.state === "soft_deleted";
  const may = {
    roles: useAllowed("person.roles"),
    line: useAllowed("person.line"),
    manage: useAllowed("person.manage"),
    block: useAllowed("person.manage"),
    invite: useAllowed("person.invite"),
  };
  const button = (change: PersonChange, text: string, className = "b s") => (
    <button type="button" className={className} onClick={() => setChanging(change)}>
      {text}
    </button>
  );
  return (
    <>
      <div className="row acts">
        {may.roles && !gone && button("roles", "Change the role…")}
        {may.line && !gone && button("manager", "Change to whom they report…")}
        {may.manage &&
          !gone &&
          nodes.some((node) => node.kind === "team") &&
          button("team", "Change the team…")}
        {may.invite && person.state === "invited" && (
          <button type="button" className="b s" disabled={again.isPending} onClick={() => again.mutate()}>
            Make a new link
          </button>
        )}
        {may.block && !gone && button("block", "Keep out for a time…")}
        {may.manage && !gone && button("delete", "Take access away…", "b s end")}
        {may.manage && gone && (
          <button type="button" className="b s" disabled={back.isPending} onClick={() => back.mutate()}>
            Give access back
          </button>
        )}
      </div>
      {again.error && <Wrong error={again.error} what="There is no new link." />}
      {back.error && <Wrong error={back.error} what="They have no access." />}
      {changing && (
        <PersonDialog
          change={changing}
          person={person}
          nodes={nodes}
          onClose={() => setChanging(null)}
          onDone={refresh}
        />
      )}
      {invitee && <LinkDialog invitee={invitee} onClose={() => setInvitee(null)} />}
    </>
  );
}
