import { Link, Outlet } from "@tanstack/react-router";
import { useAllowed } from "../api/session";

/** Trust: what waits for somebody, who watched what, and every decision in order. */
export function TrustSection() {
  const mayBlock = useAllowed("block.read");
  return (
    <>
      <nav className="sub" aria-label="Trust">
        <Link to="/trust/overview" activeProps={{ "aria-current": "page" }}>
          Overview
        </Link>
        <Link to="/trust/watched" activeProps={{ "aria-current": "page" }}>
          Who watched
        </Link>
        <Link to="/trust/views" activeProps={{ "aria-current": "page" }}>
          Asked to watch
        </Link>
        <Link to="/trust/support" activeProps={{ "aria-current": "page" }}>
          Support
        </Link>
        <Link to="/trust/audit" activeProps={{ "aria-current": "page" }}>
          Audit
        </Link>
        <Link to="/trust/receipts" activeProps={{ "aria-current": "page" }}>
          Receipts
        </Link>
        <Link to="/trust/requests" search={{}} activeProps={{ "aria-current": "page" }}>
          Requests
        </Link>
        <Link to="/trust/holds" search={{}} activeProps={{ "aria-current": "page" }}>
          Holds
        </Link>
        {mayBlock && (
          <Link to="/trust/blocks" activeProps={{ "aria-current": "page" }}>
            Blocks
          </Link>
        )}
        {/* A page of the server's own, for everybody: not of this console. */}
        <a href="/trust">Promises</a>
      </nav>
      <Outlet />
    </>
  );
}

/** Settings: sites and their policies, rules, how long what is kept, health, keys, and how you sign in. */
export function SettingsSection() {
  const mayEnd = useAllowed("organisation.erase");
  return (
    <>
      <nav className="sub" aria-label="Settings">
        <Link to="/settings/sites" activeProps={{ "aria-current": "page" }}>
          Sites
        </Link>
        <Link to="/settings/rules" search={{}} activeProps={{ "aria-current": "page" }}>
          Rules
        </Link>
        <Link to="/settings/retention" search={{}} activeProps={{ "aria-current": "page" }}>
          Retention
        </Link>
        <Link to="/settings/health" activeProps={{ "aria-current": "page" }}>
          Health
        </Link>
        <Link to="/settings/keys" activeProps={{ "aria-current": "page" }}>
          API keys
        </Link>
        <Link to="/settings/recorders" activeProps={{ "aria-current": "page" }}>
          Screen recorders
        </Link>
        {mayEnd && (
          <Link to="/settings/organisation" activeProps={{ "aria-current": "page" }}>
            Organisation
          </Link>
        )}
        <Link to="/settings/sessions" activeProps={{ "aria-current": "page" }}>
          Where you are signed in
        </Link>
        <Link to="/settings/security" activeProps={{ "aria-current": "page" }}>
          Password and app
        </Link>
      </nav>
      <Outlet />
    </>
  );
}
