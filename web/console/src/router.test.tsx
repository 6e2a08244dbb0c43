import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import { afterEach, expect, it, vi } from "vitest";
import { queryClient } from "./queryClient";
import { router } from "./router";
import { soon } from "./testing/soon";

afterEach(() => vi.unstubAllGlobals());

const session = {
  person: { id: "per_1", name: "Ada Lovelace", initials: "AL", email: "ada@example.org", role: "admin" },
  organisation: { id: "org_1", name: "Example" },
  allowed: [],
};

it("keeps nothing of what one person saw for the next in the same tab", async () => {
  const problem = {
    type: "urn:clerestory:problem:not-signed-in",
    title: "You are not signed in",
    status: 401,
  };
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(problem), { status: 401 }));
  vi.stubGlobal("scrollTo", () => undefined);
  queryClient.setQueryData(["session"], session);
  queryClient.setQueryData(["recordings", "seen before"], ["Olive Owl"]);
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  const asked: string[] = [];
  const heard = router.subscribe("onResolved", ({ toLocation }) => asked.push(toLocation.pathname));
  root.render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  // The first page asks the server, which says that nobody is signed in any more.
  await soon(() => expect(asked).toContain("/sign-in"));
  await soon(() => expect(queryClient.getQueryCache().getAll()).toEqual([]));
  heard();
  root.unmount();
}, 20_000);
