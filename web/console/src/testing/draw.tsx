import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, expect, vi } from "vitest";
import { sessionQuery } from "../api/session";
import type { Session } from "../api/types";
import { queryClient } from "../queryClient";
import { soon } from "./soon";

export const ada = { id: "per_1", name: "Ada", initials: "A" };

/** The session of Ada, who may do this. */
export function sessionOf(allowed: readonly string[], more: Partial<Session> = {}): Session {
  return {
    person: { ...ada, email: "ada@example.org", role: "admin" },
    organisation: { id: "org_1", name: "Example", region: "here", closes_at: null },
    allowed: [...allowed],
    content_origin: "https://content.invalid",
    expires_at: "2127-01-01T00:00:00Z",
    must_enrol: false,
    support_running: 0,
    ...more,
  } as Session;
}

let page: Root | null = null;
afterEach(() => {
  page?.unmount();
  page = null;
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  queryClient.clear();
});

/** Draws a part of the console as somebody with this session sees it; it is gone after the test. */
export function draw(part: ReactNode, session: Session): void {
  queryClient.setQueryData(sessionQuery.queryKey, session);
  page = createRoot(document.body.appendChild(document.createElement("div")));
  page.render(<QueryClientProvider client={queryClient}>{part}</QueryClientProvider>);
}

/** The same part on a page of its own, for what holds links. */
export function onPage(part: ReactNode): ReactNode {
  vi.stubGlobal("scrollTo", () => undefined);
  const routeTree = createRootRoute({ component: () => part });
  return <RouterProvider router={createRouter({ routeTree, history: createMemoryHistory() }) as never} />;
}

export const text = (): string => document.body.textContent ?? "";
export const says = (what: string | RegExp): Promise<void> => soon(() => expect(text()).toMatch(what));

/** The button with these words, as soon as it is there. */
export const button = (words: string): Promise<HTMLButtonElement> =>
  soon(() => {
    const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === words);
    if (!found) throw new Error(`there is no button ${words}`);
    return found;
  });
