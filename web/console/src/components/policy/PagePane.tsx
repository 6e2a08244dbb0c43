import { type FormEvent, type Ref, type RefObject, useEffect, useState } from "react";
import { safePlace } from "../../lib/search";
import { useFrameAllowed } from "../../lib/useFrameAllowed";
import { Icon } from "../Icon";
import { Panes } from "../Panes";

/** The size the page believes its window has, and how much smaller it is drawn. */
export interface View {
  width: number;
  height: number;
  scale: number;
}

interface PagePaneProps {
  ref: Ref<HTMLIFrameElement>;
  box: RefObject<HTMLDivElement | null>;
  origin: string;
  /** The path asked for. */
  page: string;
  /** The path the page in the frame says it is on; null while it has said nothing. */
  shown: string | null;
  view: View;
  picking: boolean;
  onPick: (picking: boolean) => void;
  onPage: (path: string) => void;
}

/** The real page of the site, in preview: nothing is recorded, and pressing picks instead of acting. */
export function PagePane({ ref, box, origin, page, shown, view, picking, onPick, onPage }: PagePaneProps) {
  useFrameAllowed(origin);
  return (
    <section className="pane left" aria-label="The page">
      <header>
        <h2>The page</h2>
        <Address key={shown ?? page} path={shown ?? page} onGo={onPage} />
        <button
          type="button"
          className="b s on"
          aria-pressed={picking}
          disabled={shown === null}
          onClick={() => onPick(!picking)}
        >
          <Icon name="pick" />
          Pick
        </button>
      </header>
      <div className="fit" ref={box}>
        {view.height > 0 && (
          <iframe
            ref={ref}
            className="sitepage"
            title={`The page ${shown ?? page}`}
            src={origin + page}
            sandbox="allow-scripts allow-same-origin allow-forms"
            referrerPolicy="no-referrer"
            style={{ width: view.width, height: view.height, transform: `scale(${view.scale})` }}
          />
        )}
        <Silent waiting={shown === null} origin={origin} />
      </div>
    </section>
  );
}

function Address({ path, onGo }: { path: string; onGo: (path: string) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget).get("path") ?? "").trim();
    const place = safePlace(typed.startsWith("/") ? typed : `/${typed}`);
    if (place !== undefined) onGo(place);
  };
  return (
    <form onSubmit={submit}>
      <label className="field addr">
        <input name="path" aria-label="Path of the page" defaultValue={path} spellCheck={false} />
      </label>
    </form>
  );
}

const SILENCE_MS = 4000;

/** Said over the frame when the page in it has not answered for a while. */
function Silent({ waiting, origin }: { waiting: boolean; origin: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!waiting) return;
    const timer = setTimeout(() => setLate(true), SILENCE_MS);
    return () => clearTimeout(timer);
  }, [waiting]);
  if (!waiting || !late) return null;
  return (
    <div className="st slim" role="status">
      <Panes className="st-w" states={["a2", "a2", "a1", "gap", "gap", "gap", "none", "none", "none"]} />
      <h2>The page does not answer</h2>
      <p>
        It must carry the snippet of this site, be up at <code>{origin}</code>, and allow this console to
        frame it. Rules can be written without it, on the right.
      </p>
    </div>
  );
}
