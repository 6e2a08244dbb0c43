import { useEffect } from "react";

const KEY = "clerestory.framed";
const ONCE_MS = 20_000;

/**
 * The page's content policy names the sites it may frame, as they were when the page was loaded. Somebody who
 * signed in or made a site since then has an older one: the browser says so when it blocks the frame, and loading
 * the page again, once, brings the newer one.
 */
export function useFrameAllowed(origin: string): void {
  useEffect(() => {
    const listen = (event: SecurityPolicyViolationEvent) => {
      if (event.effectiveDirective !== "frame-src" || !event.blockedURI.startsWith(origin)) return;
      const before = Number(sessionStorage.getItem(KEY) ?? 0);
      if (Date.now() - before < ONCE_MS) return;
      sessionStorage.setItem(KEY, String(Date.now()));
      location.reload();
    };
    document.addEventListener("securitypolicyviolation", listen);
    return () => document.removeEventListener("securitypolicyviolation", listen);
  }, [origin]);
}
