import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { listRoles, type Role } from "../api/roles";
import { useAllowed } from "../api/session";
import { RemoveRoleDialog } from "../components/roles/RemoveRoleDialog";
import { RoleDialog } from "../components/roles/RoleDialog";
import { Loading, Trouble } from "../components/States";
import { plural } from "../lib/format";
import { grouped, rightName, rightWords, roleName } from "../lib/roles";
import { useTitle } from "../lib/useTitle";
import "../styles/people.css";
import "../styles/roles.css";

type Asking = { act: "make" } | { act: "change" | "remove"; role: Role };

/** What each role may do, as one table, and the roles of one's own. */
export default function Roles() {
  useTitle("Roles");
  const [asking, setAsking] = useState<Asking | null>(null);
  const mayChange = useAllowed("role.manage");
  const roles = useQuery({ queryKey: ["roles"], queryFn: ({ signal }) => listRoles(signal) });
  const items = roles.data?.items ?? [];
  return (
    <div className="pagew">
      <header className="ph1">
        <div className="grow">
          <h1>Roles</h1>
          <p>
            What whoever has a role may do. Somebody with several may do what any of them allows.{" "}
            <Link className="link" to="/people" search={{}}>
              People
            </Link>{" "}
            are given roles one by one.
          </p>
        </div>
        {mayChange && roles.data && (
          <button type="button" className="b lead" onClick={() => setAsking({ act: "make" })}>
            Make a role…
          </button>
        )}
      </header>
      {roles.isPending && <Loading />}
      {roles.error && !roles.data && (
        <Trouble error={roles.error} what="The roles" retry={() => void roles.refetch()} slim />
      )}
      {items.length > 0 && <Matrix roles={items} onAsk={mayChange ? setAsking : null} />}
      {asking?.act === "make" && <RoleDialog changed={null} roles={items} onClose={() => setAsking(null)} />}
      {asking?.act === "change" && (
        <RoleDialog changed={asking.role} roles={items} onClose={() => setAsking(null)} />
      )}
      {asking?.act === "remove" && <RemoveRoleDialog gone={asking.role} onClose={() => setAsking(null)} />}
    </div>
  );
}

interface MatrixProps {
  roles: readonly Role[];
  onAsk: ((asking: Asking) => void) | null;
}

function Matrix({ roles, onAsk }: MatrixProps) {
  return (
    <>
      {/* A wide table scrolls by itself; it can be reached by keys to do so. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <section className="matrix card" aria-label="What each role may do" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              {roles.map((role) => (
                <th key={role.id} scope="col">
                  <b>{roleName(role)}</b>
                  <span className="small ink3">{plural(role.people, "person", "people")}</span>
                  {onAsk && !role.builtin && (
                    <span className="row">
                      <button
                        type="button"
                        className="b s"
                        aria-label={`Change ${roleName(role)}…`}
                        onClick={() => onAsk({ act: "change", role })}
                      >
                        Change…
                      </button>
                      <button
                        type="button"
                        className="b s"
                        aria-label={`Remove ${roleName(role)}…`}
                        onClick={() => onAsk({ act: "remove", role })}
                      >
                        Remove…
                      </button>
                    </span>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          {grouped(roles).map(({ name, actions }) => (
            <tbody key={name}>
              <tr className="group">
                <th scope="colgroup" colSpan={roles.length + 1}>
                  {name}
                </th>
              </tr>
              {actions.map((action) => (
                <tr key={action}>
                  <th scope="row">
                    {rightName(action)} <code className="small ink3">{action}</code>
                  </th>
                  {roles.map((role) => {
                    const { short, long } = rightWords(role.rights[action]);
                    return (
                      <td key={role.id} title={long} className={short === "–" ? "ink3" : undefined}>
                        <span aria-hidden="true">{short}</span>
                        <span className="vh">{long}</span>
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </section>
      <p className="small ink2">
        <b>own</b>: what is about oneself. <b>reports</b>: that, what is about who reports to one, and
        visitors. <b>all</b>: everything of the organisation. <b>*</b> depends on a rule under{" "}
        <Link className="link" to="/settings/rules" search={{}}>
          Rules
        </Link>
        . <b>†</b> asks once more who one is. <b>‡</b> while somebody is{" "}
        <Link className="link" to="/trust/support">
          let in
        </Link>
        , and as far as that says.
      </p>
    </>
  );
}
