import { useEffect, useState, useSyncExternalStore } from "react";
import { useKeys } from "../lib/keys";
import { currentNotice, dismiss, lapse, type Notice, onNotice, undoLast } from "../lib/notices";
import { Icon } from "./Icon";
import "../styles/notices.css";

/** How long a notice stands while nobody is at it. */
const STANDS_MS = 12_000;

/** The edge of the page where what was just done is said. It is there from the start, so that it is heard. */
export function Notices() {
  const notice = useSyncExternalStore(onNotice, currentNotice);
  useKeys({ z: undoLast });
  useEffect(() => {
    window.addEventListener("pagehide", lapse);
    return () => {
      window.removeEventListener("pagehide", lapse);
      lapse();
    };
  }, []);
  return (
    <div className="notices" role="status">
      {notice && <Shown key={notice.n} notice={notice} />}
    </div>
  );
}

function Shown({ notice }: { notice: Notice }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held || notice.failed) return;
    const timer = setTimeout(() => dismiss(notice.n), STANDS_MS);
    return () => clearTimeout(timer);
  }, [held, notice]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only waits while somebody is at it
    <div
      className={notice.failed ? "notice failed" : "notice"}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <Icon name={notice.failed ? "warn" : "check"} />
      <span className="grow">{notice.text}</span>
      {notice.undo && (
        <button type="button" className="b s" onClick={undoLast}>
          Undo <kbd>Z</kbd>
        </button>
      )}
      <button type="button" className="ib s" aria-label="Take this away" onClick={() => dismiss(notice.n)}>
        <Icon name="close" small />
      </button>
    </div>
  );
}
