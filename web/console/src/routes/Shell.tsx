import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useSession } from "../api/session";
import { ClosingBanner } from "../components/erasing/ClosingBanner";
import { KeyHelp } from "../components/KeyHelp";
import { Lintel, TabBar } from "../components/Lintel";
import { Notices } from "../components/Notices";
import { Loading } from "../components/States";
import { SupportBanner } from "../components/support/SupportBanner";
import { useCaptureKey, useKeys } from "../lib/keys";
import { type PlaceLink, placesFor } from "../lib/places";

const Jump = lazy(() => import("../components/Jump"));

/** How long after G a letter still means a place. */
const G_MS = 1500;

/** The frame of every page for those who are signed in. */
export function Shell() {
  const session = useSession();
  const navigate = useNavigate();
  const [open, setOpen] = useState<"jump" | "keys" | null>(null);
  const gAt = useRef(Number.NEGATIVE_INFINITY);
  useKeys({
    "/": () => setOpen("jump"),
    "?": () => setOpen("keys"),
    g: () => {
      gAt.current = performance.now();
    },
  });
  useGo(gAt, placesFor(session.allowed), (place) => void navigate({ to: place.to }));
  const close = () => setOpen(null);
  useArrival();
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Lintel session={session} onJump={() => setOpen("jump")} />
      <ClosingBanner />
      <SupportBanner />
      <main id="main" className="shellmain" tabIndex={-1}>
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </main>
      <Notices />
      <TabBar />
      <KeyHelp isOpen={open === "keys"} onClose={close} />
      {open === "jump" && (
        <Suspense fallback={null}>
          <Jump isOpen onClose={close} />
        </Suspense>
      )}
    </>
  );
}

/** After G, the next letter goes to a place and means nothing else. */
function useGo(gAt: { current: number }, places: readonly PlaceLink[], go: (place: PlaceLink) => void): void {
  useCaptureKey((letter, event) => {
    if (performance.now() - gAt.current > G_MS) return false;
    const place = places.find((candidate) => candidate.letter === letter);
    if (!place) return false;
    gAt.current = Number.NEGATIVE_INFINITY;
    event.preventDefault();
    go(place);
    return true;
  });
}

/** A new page begins at its top for those who use the keyboard or hear it: the focus goes to its content. */
function useArrival(): void {
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [pathname]);
}
