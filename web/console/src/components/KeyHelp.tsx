import { Fragment } from "react";
import { useSession } from "../api/session";
import { type KeyGroup, useKeyGroups } from "../lib/keyHelp";
import { placesFor } from "../lib/places";
import { Dialog } from "./Dialog";

const everywhere = (allowed: readonly string[]): KeyGroup => ({
  title: "Everywhere",
  lines: [
    { keys: ["/"], does: "Search or jump to" },
    { keys: ["?"], does: "These keys" },
    { keys: ["Esc"], does: "Close what is open" },
    ...placesFor(allowed).map((place) => ({ keys: ["G", place.letter.toUpperCase()], does: place.name })),
  ],
});

/** All keys of the screen one is on, under `?`. */
export function KeyHelp({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const groups = useKeyGroups();
  const { allowed } = useSession();
  return (
    <Dialog title="Keys" isOpen={isOpen} onClose={onClose}>
      <div className="kh">
        {[...groups, everywhere(allowed)].map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.lines.map((line) => (
                <Fragment key={line.does}>
                  <dt>
                    {line.keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{line.does}</dd>
                </Fragment>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
