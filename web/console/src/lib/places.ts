import { type Action, MAY } from "../api/session";
import type { IconName } from "../components/Icon";

/** A place of the console that exists now. The letter goes there after G. */
export interface PlaceLink {
  to:
    | "/recordings"
    | "/recordings/bin"
    | "/recordings/review"
    | "/recordings/playlists"
    | "/trust/overview"
    | "/trust/audit"
    | "/trust/watched"
    | "/trust/views"
    | "/trust/support"
    | "/trust/receipts"
    | "/trust/requests"
    | "/trust/holds"
    | "/my-data"
    | "/settings/sites"
    | "/settings/rules"
    | "/settings/retention"
    | "/settings/health"
    | "/settings/keys"
    | "/settings/recorders"
    | "/settings/sessions"
    | "/settings/security"
    | "/people";
  name: string;
  letter: string;
  icon: IconName;
  /** What one has to be allowed to find anything there. */
  needs?: Action;
}

export const PLACES: readonly PlaceLink[] = [
  { to: "/recordings", name: "Recordings", letter: "r", icon: "play" },
  { to: "/recordings/bin", name: "Recycle bin", letter: "b", icon: "bin" },
  { to: "/recordings/review", name: "Review queue", letter: "f", icon: "flag", needs: MAY.reviews },
  { to: "/recordings/playlists", name: "Playlists", letter: "l", icon: "list", needs: MAY.playlists },
  { to: "/trust/overview", name: "Overview", letter: "v", icon: "trust" },
  { to: "/trust/watched", name: "Who watched", letter: "w", icon: "eye" },
  { to: "/trust/views", name: "Asked to watch", letter: "k", icon: "eye" },
  { to: "/trust/support", name: "Support", letter: "n", icon: "people" },
  { to: "/trust/audit", name: "Audit", letter: "a", icon: "ledger" },
  { to: "/trust/receipts", name: "Receipts", letter: "e", icon: "erase" },
  { to: "/trust/requests", name: "Requests", letter: "q", icon: "clock" },
  { to: "/trust/holds", name: "Holds", letter: "d", icon: "hold" },
  { to: "/my-data", name: "My data", letter: "m", icon: "window" },
  { to: "/settings/sites", name: "Sites", letter: "s", icon: "web" },
  { to: "/settings/rules", name: "Rules", letter: "u", icon: "sliders" },
  { to: "/settings/retention", name: "Retention", letter: "t", icon: "clock" },
  { to: "/settings/health", name: "Health", letter: "h", icon: "now" },
  { to: "/settings/keys", name: "API keys", letter: "y", icon: "key" },
  { to: "/settings/recorders", name: "Screen recorders", letter: "c", icon: "window" },
  { to: "/settings/sessions", name: "Your sign-ins", letter: "i", icon: "web" },
  { to: "/settings/security", name: "Your password and app", letter: "p", icon: "bolt" },
  { to: "/people", name: "People", letter: "o", icon: "people" },
];

/** The places for somebody who may do this. */
export const placesFor = (allowed: readonly string[]): PlaceLink[] =>
  PLACES.filter(({ needs }) => needs === undefined || allowed.includes(needs));

/** The windows of the bar. */
export const WINDOWS = [
  { to: "/recordings", under: "/recordings", name: "Recordings", icon: "play" },
  { to: "/people", under: "/people", name: "People", icon: "people" },
  { to: "/trust/overview", under: "/trust", name: "Trust", icon: "trust" },
  { to: "/settings/sites", under: "/settings", name: "Settings", icon: "sliders" },
  { to: "/my-data", under: "/my-data", name: "My data", icon: "window" },
] as const;

/** A recording's id somewhere in what was typed or pasted. */
export function recordingIn(text: string): string | null {
  return /\brec_[0-9a-z]{32}\b/.exec(text)?.[0] ?? null;
}
