import { Link, useRouterState } from "@tanstack/react-router";
import type { Session } from "../api/types";
import { WINDOWS } from "../lib/places";
import { toggleTheme } from "../lib/theme";
import { AccountMenu } from "./AccountMenu";
import { Logo } from "./Brand";
import { Icon } from "./Icon";

function useUnder(): (path: string) => boolean {
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  return (path) => pathname === path || pathname.startsWith(`${path}/`);
}

/** The bar of high windows: you stand under the lit one. */
export function Lintel({ session, onJump }: { session: Session; onJump: () => void }) {
  const under = useUnder();
  return (
    <header className="lintel">
      <Link className="brand" to="/recordings" search={{}}>
        <Logo />
        Clerestory
      </Link>
      <span className="org" title={`Data lies in region ${session.organisation.region}`}>
        {session.organisation.name}
      </span>
      <nav className="nav" aria-label="Main">
        {WINDOWS.map((window) => (
          <Link key={window.to} to={window.to} aria-current={under(window.under) ? "page" : undefined}>
            {window.name}
          </Link>
        ))}
      </nav>
      <div className="lintel-r">
        <button type="button" className="jump" onClick={onJump} aria-label="Search or jump to">
          <Icon name="search" small />
          <span>Search or jump to</span> <kbd>/</kbd>
        </button>
        <button type="button" className="ib" onClick={() => toggleTheme()} aria-label="Light or dark">
          <Icon name="sun" />
        </button>
        <AccountMenu session={session} />
      </div>
    </header>
  );
}

/** On a phone the windows move to the bottom. */
export function TabBar() {
  const under = useUnder();
  return (
    <nav className="tabbar" aria-label="Main, small screens">
      {WINDOWS.map((window) => (
        <Link key={window.to} to={window.to} aria-current={under(window.under) ? "page" : undefined}>
          <Icon name={window.icon} />
          {window.name}
        </Link>
      ))}
    </nav>
  );
}
