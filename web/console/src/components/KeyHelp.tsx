import { Fragment } from "react";
import { type KeyGroup, useKeyGroups } from "../lib/keyHelp";
import { PLACES } from "../lib/places";
import { Dialog } from "./Dialog";

const everywhere: KeyGroup = {
  title: "Everywhere",
  lines: [
    { keys: ["/"], does: "Search or jump to" },
    { keys: ["?"], does: "These keys" },
    { keys: ["Esc"], does: "Close what is open" },
    ...PLACES.map((place) => ({ keys: ["G", place.letter.toUpperCase()], does: place.name })),
  ],
};

/** All keys of the screen one is on, under `?`. */
export function KeyHelp({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const groups = useKeyGroups();
  return (
    <Dialog title="Keys" isOpen={isOpen} onClose={onClose}>
      <div className="kh">
        {[...groups, everywhere].map((group) => (
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
