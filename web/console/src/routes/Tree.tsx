import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useId, useState } from "react";
import { addNode, getTree, removeNode, renameNode } from "../api/operations";
import { useAllowed } from "../api/session";
import type { TreeNode } from "../api/types";
import { Dialog } from "../components/Dialog";
import { Icon } from "../components/Icon";
import { MoveDialog } from "../components/people/MoveDialog";
import { Empty, Loading, Trouble } from "../components/States";
import { Wrong } from "../components/Wrong";
import { type Branch, branches, kindsBelow } from "../lib/people";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/people.css";

type Asking = { act: "move"; node: TreeNode } | Naming;
type Naming =
  | { act: "add"; below: TreeNode | null }
  | { act: "rename"; node: TreeNode }
  | { act: "remove"; node: TreeNode };

/** The organisation's tree: domains, projects, teams. Settings may be said at each. */
export default function Tree() {
  useTitle("Domains, projects, teams");
  const [asking, setAsking] = useState<Asking | null>(null);
  const mayChange = useAllowed("tree.edit");
  const tree = useQuery({ queryKey: ["tree"], queryFn: ({ signal }) => getTree(signal) });
  const rows = branches(tree.data?.items ?? []);
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Domains, projects, teams</h1>
          <p>
            A team belongs to a project, a project to a domain or to the organisation itself.{" "}
            <Link className="link" to="/people" search={{}}>
              People
            </Link>{" "}
            work in teams.
          </p>
        </div>
        {mayChange && (
          <button type="button" className="b lead" onClick={() => setAsking({ act: "add", below: null })}>
            <Icon name="plus" />
            Add…
          </button>
        )}
      </header>
      {tree.isPending && <Loading />}
      {tree.error && !tree.data && (
        <Trouble error={tree.error} what="The tree" retry={() => void tree.refetch()} slim />
      )}
      {tree.isSuccess && rows.length === 0 && (
        <Empty title="There is only the organisation" slim>
          <p>As long as nothing is added below it, every person and site belongs to it directly.</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <ul className="card tree">
          {rows.map((branch) => (
            <Row key={branch.node.id} branch={branch} mayChange={mayChange} onAsk={setAsking} />
          ))}
        </ul>
      )}
      {asking?.act === "move" && (
        <MoveDialog node={asking.node} nodes={tree.data?.items ?? []} onClose={() => setAsking(null)} />
      )}
      {asking && asking.act !== "move" && <NodeDialog asking={asking} onClose={() => setAsking(null)} />}
    </div>
  );
}

interface RowProps {
  branch: Branch;
  mayChange: boolean;
  onAsk: (asking: Asking) => void;
}

function Row({ branch: { node, depth }, mayChange, onAsk }: RowProps) {
  return (
    <li className={`d${depth}`}>
      <span className="kind small">{node.kind}</span>
      <b className="grow">{node.name}</b>
      {mayChange && (
        <>
          {kindsBelow(node.kind).map((kind) => (
            <button
              key={kind}
              type="button"
              className="b s"
              onClick={() => onAsk({ act: "add", below: node })}
            >
              Add a {kind}…
            </button>
          ))}
          <button
            type="button"
            className="b s"
            aria-label={`Rename ${node.name}…`}
            onClick={() => onAsk({ act: "rename", node })}
          >
            Rename…
          </button>
          {node.kind !== "domain" && (
            <button
              type="button"
              className="b s"
              aria-label={`Move ${node.name}…`}
              onClick={() => onAsk({ act: "move", node })}
            >
              Move…
            </button>
          )}
          <button
            type="button"
            className="b s"
            aria-label={`Remove ${node.name}…`}
            onClick={() => onAsk({ act: "remove", node })}
          >
            Remove…
          </button>
        </>
      )}
    </li>
  );
}

function NodeDialog({ asking, onClose }: { asking: Naming; onClose: () => void }) {
  const id = useId();
  const make = useMutation({
    mutationFn: async (form: FormData): Promise<void> => {
      const name = String(form.get("name") ?? "").trim();
      if (asking.act === "remove") await removeNode(asking.node.id);
      else if (asking.act === "rename") await renameNode(asking.node.id, name);
      else await addNode({ kind: String(form.get("kind")), name, parent: asking.below?.id ?? null });
    },
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["tree"] });
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    make.mutate(new FormData(event.currentTarget));
  };
  const kinds = asking.act === "add" ? kindsBelow(asking.below?.kind ?? null) : [];
  return (
    <Dialog title={titleOf(asking)} isOpen onClose={onClose}>
      <form className="pform" onSubmit={submit}>
        {asking.act === "add" && (
          <div className="fld">
            <label htmlFor={`${id}-kind`}>What</label>
            <select className="in" id={`${id}-kind`} name="kind">
              {kinds.map((kind) => (
                <option key={kind} value={kind}>
                  {kind}
                </option>
              ))}
            </select>
          </div>
        )}
        {asking.act === "remove" ? (
          <p className="ink2">Only what holds nothing can be removed: no project, team, person or site.</p>
        ) : (
          <div className="fld">
            <label htmlFor={`${id}-name`}>Name</label>
            <input
              className="in"
              id={`${id}-name`}
              name="name"
              required
              maxLength={80}
              autoComplete="off"
              defaultValue={asking.act === "rename" ? asking.node.name : ""}
            />
          </div>
        )}
        {make.error && <Wrong error={make.error} what="The tree is as it was." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className={asking.act === "remove" ? "b end" : "b lead"}
            disabled={make.isPending}
          >
            {asking.act === "add" ? "Add it" : asking.act === "rename" ? "Rename it" : "Remove it"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function titleOf(asking: Naming): string {
  switch (asking.act) {
    case "add":
      return asking.below === null ? "Add to the organisation" : `Add to ${asking.below.name}`;
    case "rename":
      return `Rename ${asking.node.name}?`;
    case "remove":
      return `Remove ${asking.node.name}?`;
  }
}
