import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { ApiError } from "./api/client";
import { sessionQuery } from "./api/session";
import { Alone, Loading, NotFound, Trouble } from "./components/States";
import { parseAuditSearch } from "./lib/auditFilter";
import { parseListSearch } from "./lib/filters";
import { parsePeopleSearch } from "./lib/people";
import {
  parseBinSearch,
  parseHoldsSearch,
  parsePlayerSearch,
  parsePolicySearch,
  parseReceiptsSearch,
  parseRequestsSearch,
  parseRetentionSearch,
  parseReviewsSearch,
  parseRulesSearch,
  parseSignInSearch,
} from "./lib/search";
import { onSignedOut, queryClient } from "./queryClient";

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: () => (
    <Alone>
      <NotFound />
    </Alone>
  ),
  errorComponent: ({ error, reset }) => (
    <Alone>
      <Trouble error={error} what="This page" retry={reset} />
    </Alone>
  ),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: parseSignInSearch,
  component: lazyRouteComponent(() => import("./routes/SignIn")),
});

const join = createRoute({
  getParentRoute: () => root,
  path: "/join",
  component: lazyRouteComponent(() => import("./routes/Join")),
});

const forgotten = createRoute({
  getParentRoute: () => root,
  path: "/forgotten",
  component: lazyRouteComponent(() => import("./routes/Forgotten")),
});

const reset = createRoute({
  getParentRoute: () => root,
  path: "/reset",
  component: lazyRouteComponent(() => import("./routes/Reset")),
});

const enrol = createRoute({
  getParentRoute: () => root,
  path: "/enrol",
  component: lazyRouteComponent(() => import("./routes/Enrol")),
});

const setUp = createRoute({
  getParentRoute: () => root,
  path: "/set-up",
  component: lazyRouteComponent(() => import("./routes/SetUp")),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: async ({ location }) => {
    try {
      const session = await queryClient.ensureQueryData(sessionQuery);
      if (session.must_enrol && location.pathname !== "/settings/security") {
        throw redirect({ to: "/settings/security" });
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: "/sign-in", search: { next: location.href } });
      }
      throw error;
    }
  },
  component: lazyRouteComponent(() => import("./routes/Shell"), "Shell"),
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/recordings", replace: true });
  },
});

const recordings = createRoute({
  getParentRoute: () => shell,
  path: "/recordings",
  validateSearch: parseListSearch,
  component: lazyRouteComponent(() => import("./routes/Recordings")),
});

const bin = createRoute({
  getParentRoute: () => shell,
  path: "/recordings/bin",
  validateSearch: parseBinSearch,
  component: lazyRouteComponent(() => import("./routes/Bin")),
});

const reviews = createRoute({
  getParentRoute: () => shell,
  path: "/recordings/review",
  validateSearch: parseReviewsSearch,
  component: lazyRouteComponent(() => import("./routes/Reviews")),
});

const playlists = createRoute({
  getParentRoute: () => shell,
  path: "/recordings/playlists",
  component: lazyRouteComponent(() => import("./routes/Playlists")),
});

const playlist = createRoute({
  getParentRoute: () => shell,
  path: "/recordings/playlists/$id",
  component: lazyRouteComponent(() => import("./routes/Playlist")),
});

const player = createRoute({
  getParentRoute: () => shell,
  path: "/recordings/$id",
  validateSearch: parsePlayerSearch,
  component: lazyRouteComponent(() => import("./player/PlayerRoute")),
});

const trust = createRoute({
  getParentRoute: () => shell,
  path: "/trust",
  beforeLoad: ({ location }) => {
    if (location.pathname.replace(/\/$/, "") === "/trust")
      throw redirect({ to: "/trust/overview", replace: true });
  },
  component: lazyRouteComponent(() => import("./routes/Sections"), "TrustSection"),
});

const audit = createRoute({
  getParentRoute: () => trust,
  path: "/audit",
  validateSearch: parseAuditSearch,
  component: lazyRouteComponent(() => import("./routes/Audit")),
});

const overview = createRoute({
  getParentRoute: () => trust,
  path: "/overview",
  component: lazyRouteComponent(() => import("./routes/Overview")),
});

const watched = createRoute({
  getParentRoute: () => trust,
  path: "/watched",
  component: lazyRouteComponent(() => import("./routes/Watched")),
});

const views = createRoute({
  getParentRoute: () => trust,
  path: "/views",
  component: lazyRouteComponent(() => import("./routes/Views")),
});

const support = createRoute({
  getParentRoute: () => trust,
  path: "/support",
  component: lazyRouteComponent(() => import("./routes/Support")),
});

const receipts = createRoute({
  getParentRoute: () => trust,
  path: "/receipts",
  validateSearch: parseReceiptsSearch,
  component: lazyRouteComponent(() => import("./routes/Receipts")),
});

const requests = createRoute({
  getParentRoute: () => trust,
  path: "/requests",
  validateSearch: parseRequestsSearch,
  component: lazyRouteComponent(() => import("./routes/Requests")),
});

const holds = createRoute({
  getParentRoute: () => trust,
  path: "/holds",
  validateSearch: parseHoldsSearch,
  component: lazyRouteComponent(() => import("./routes/Holds")),
});

const blocks = createRoute({
  getParentRoute: () => trust,
  path: "/blocks",
  component: lazyRouteComponent(() => import("./routes/Blocks")),
});

const people = createRoute({
  getParentRoute: () => shell,
  path: "/people",
  validateSearch: parsePeopleSearch,
  component: lazyRouteComponent(() => import("./routes/People")),
});

const roles = createRoute({
  getParentRoute: () => shell,
  path: "/people/roles",
  component: lazyRouteComponent(() => import("./routes/Roles")),
});

const tree = createRoute({
  getParentRoute: () => shell,
  path: "/people/tree",
  component: lazyRouteComponent(() => import("./routes/Tree")),
});

const myData = createRoute({
  getParentRoute: () => shell,
  path: "/my-data",
  component: lazyRouteComponent(() => import("./routes/MyData")),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: "/settings",
  beforeLoad: ({ location }) => {
    if (location.pathname.replace(/\/$/, "") === "/settings") {
      throw redirect({ to: "/settings/sites", replace: true });
    }
  },
  component: lazyRouteComponent(() => import("./routes/Sections"), "SettingsSection"),
});

const sites = createRoute({
  getParentRoute: () => settings,
  path: "/sites",
  component: lazyRouteComponent(() => import("./routes/Sites")),
});

const site = createRoute({
  getParentRoute: () => settings,
  path: "/sites/$id",
  component: lazyRouteComponent(() => import("./routes/SiteSetUp")),
});

const policy = createRoute({
  getParentRoute: () => shell,
  path: "/settings/sites/$id/policy",
  validateSearch: parsePolicySearch,
  component: lazyRouteComponent(() => import("./routes/Policy")),
});

const health = createRoute({
  getParentRoute: () => settings,
  path: "/health",
  component: lazyRouteComponent(() => import("./routes/Health")),
});

const sessions = createRoute({
  getParentRoute: () => settings,
  path: "/sessions",
  component: lazyRouteComponent(() => import("./routes/Sessions")),
});

const rules = createRoute({
  getParentRoute: () => settings,
  path: "/rules",
  validateSearch: parseRulesSearch,
  component: lazyRouteComponent(() => import("./routes/Rules")),
});

const retention = createRoute({
  getParentRoute: () => settings,
  path: "/retention",
  validateSearch: parseRetentionSearch,
  component: lazyRouteComponent(() => import("./routes/Retention")),
});

const keys = createRoute({
  getParentRoute: () => settings,
  path: "/keys",
  component: lazyRouteComponent(() => import("./routes/Keys")),
});

const recorders = createRoute({
  getParentRoute: () => settings,
  path: "/recorders",
  component: lazyRouteComponent(() => import("./routes/Recorders")),
});

const organisation = createRoute({
  getParentRoute: () => settings,
  path: "/organisation",
  component: lazyRouteComponent(() => import("./routes/Organisation")),
});

const security = createRoute({
  getParentRoute: () => settings,
  path: "/security",
  component: lazyRouteComponent(() => import("./routes/Security")),
});

const routeTree = root.addChildren([
  signIn,
  join,
  forgotten,
  reset,
  enrol,
  setUp,
  shell.addChildren([
    home,
    recordings,
    bin,
    reviews,
    playlists,
    playlist,
    player,
    trust.addChildren([overview, audit, watched, views, support, receipts, requests, holds, blocks]),
    settings.addChildren([
      sites,
      rules,
      retention,
      site,
      health,
      keys,
      recorders,
      organisation,
      sessions,
      security,
    ]),
    policy,
    people,
    tree,
    roles,
    myData,
  ]),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  defaultPendingComponent: Loading,
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: ({ error, reset }) => <Trouble error={error} what="This page" retry={reset} />,
  scrollRestoration: true,
});

onSignedOut(() => {
  const { href, pathname } = router.state.location;
  if (pathname === "/sign-in") return;
  // What is on the page is still asked for until the page is gone; then nothing may be left for whoever comes next.
  const gone = router.navigate({ to: "/sign-in", search: { next: href } });
  void gone.finally(() => queryClient.clear());
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
