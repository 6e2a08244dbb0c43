import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
} from "@tanstack/react-router";
import { useEffect } from "react";
import { createRoot } from "react-dom/client";
import { expect, it } from "vitest";
import { soon } from "../../testing/soon";
import { LeaveQuestion } from "./LeaveQuestion";

/** Told as soon as everything drawn before it listens. */
function Drawn({ tell }: { tell: () => void }) {
  useEffect(tell, [tell]);
  return null;
}

async function editor(changed: boolean) {
  let listens = false;
  const tell = () => {
    listens = true;
  };
  const root = createRootRoute({ component: Outlet });
  const place = (path: string, component: () => React.ReactNode) =>
    createRoute({ getParentRoute: () => root, path, component });
  const router = createRouter({
    routeTree: root.addChildren([
      place("/policy", () => (
        <>
          <LeaveQuestion changed={changed} />
          <Drawn tell={tell} />
        </>
      )),
      place("/other", () => "another page"),
      place("/sign-in", () => "the door"),
    ]),
    history: createMemoryHistory({ initialEntries: ["/policy"] }),
  });
  const page = createRoot(document.body.appendChild(document.createElement("div")));
  page.render(<RouterProvider router={router as never} />);
  await soon(() => expect(router.state.status).toBe("idle"));
  await soon(() => expect(listens).toBe(true));
  const go = (to: string) => void router.navigate({ to } as never);
  const at = () => router.state.location.pathname;
  return { go, at, end: () => page.unmount() };
}

const press = async (name: string) => {
  const button = await soon(() => {
    const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === name);
    if (!found) throw new Error(`there is no button ${name}`);
    return found;
  });
  button.click();
};

it("a draft is left only when that is said", async () => {
  const { go, at, end } = await editor(true);
  go("/other");
  await press("Keep drafting");
  await soon(() => expect(document.querySelector("button")).toBeNull());
  expect(at()).toBe("/policy");
  go("/other");
  await press("Leave");
  await soon(() => expect(at()).toBe("/other"));
  end();
});

it("nothing is asked where nothing is lost, or where the way leads to the door", async () => {
  for (const [changed, to] of [
    [false, "/other"],
    [true, "/sign-in"],
  ] as const) {
    const { go, at, end } = await editor(changed);
    go(to);
    await soon(() => expect(at()).toBe(to));
    end();
  }
});
