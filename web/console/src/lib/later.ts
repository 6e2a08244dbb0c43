/** What cannot be brought back once the server has done it: it waits as long as the way back is offered. */
import { explain } from "../components/States";
import { notify } from "./notices";

interface Later {
  /** What is said as if it were done. */
  said: string;
  /** What is said where it could not be done. */
  failed: string;
  /** Shows the page as it will be. */
  hide: () => void;
  /** Shows the page as it was. */
  show: () => void;
  act: () => Promise<void>;
}

/** Hides it, offers the way back, and does it when nobody can go back any more. Where it fails it is shown again. */
export function later({ said, failed, hide, show, act }: Later): void {
  hide();
  notify(said, {
    undo: show,
    lapsed: () => {
      act().catch((error: unknown) => {
        show();
        notify(`${failed} ${explain(error).lines.join(" ")}`, { failed: true });
      });
    },
  });
}
