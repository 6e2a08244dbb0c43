import { useBlocker } from "@tanstack/react-router";
import { Dialog } from "../Dialog";

/** Asks before a draft that nobody signed is lost by leaving the page. */
export function LeaveQuestion({ changed }: { changed: boolean }) {
  const leaving = useBlocker({
    // Who is signed out has to go, draft or not.
    shouldBlockFn: ({ current, next }) =>
      changed && next.pathname !== current.pathname && next.pathname !== "/sign-in",
    enableBeforeUnload: () => changed,
    withResolver: true,
  });
  const stay = () => leaving.reset?.();
  return (
    <Dialog title="Leave without the draft?" isOpen={leaving.status === "blocked"} onClose={stay} alert>
      <p>What you changed here is not signed. If you leave, it is gone.</p>
      <div className="actions">
        <button type="button" className="b" onClick={stay}>
          Keep drafting
        </button>
        <button type="button" className="b lead" onClick={() => leaving.proceed?.()}>
          Leave
        </button>
      </div>
    </Dialog>
  );
}
