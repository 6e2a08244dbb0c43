import { useMemo, useState } from "react";
import { useAllowed } from "../../api/session";
import type { RecordingItem } from "../../api/types";
import { useKeyHelp } from "../../lib/keyHelp";
import { useKeys } from "../../lib/keys";
import { isDeleted, isErased } from "../../lib/recording";
import { moveRow } from "../../lib/rows";
import { useNow } from "../../lib/useNow";
import { deleteWithUndo } from "../erasing/deleting";
import { EraseDialog } from "../erasing/EraseDialog";
import { Panes } from "../Panes";
import { byDay } from "./days";
import { Row } from "./Row";

const help = {
  title: "Recordings",
  lines: [
    { keys: ["J", "K"], does: "Next and previous recording" },
    { keys: ["Space"], does: "Peek: what is known without opening it" },
    { keys: ["Enter"], does: "Open it" },
    { keys: ["F"], does: "Change the sentence" },
  ],
};

export interface ListProps {
  items: readonly RecordingItem[];
  /** The day of UTC that the list is of, or null. */
  day: string | null;
  onSentence: () => void;
}

/** The list by days, with its keys. */
export function ListView({ items, day, onSentence }: ListProps) {
  const now = useNow(60_000);
  const groups = useMemo(() => byDay(items, now), [items, now]);
  const [peeked, setPeeked] = useState<string | null>(null);
  const [erasing, setErasing] = useState<RecordingItem | null>(null);
  const mayDelete = useAllowed("recording.delete");
  const mayErase = useAllowed("recording.erase");
  const screens = items.some(({ source }) => source === "screen");
  useKeyHelp(help);
  useKeys({
    j: () => moveRow(1),
    k: () => moveRow(-1),
    f: onSentence,
    " ": () => moveRow(1),
    escape: () => setPeeked(null),
  });
  return (
    <div className={screens ? "rows pics" : "rows"}>
      <ListHead />
      {groups.map((group) => (
        <section key={group.key} aria-label={`${group.name} ${group.date}`}>
          <h2 className="day">
            {group.name} <span>{group.date}</span>
          </h2>
          <ol>
            {group.items.map((item) => (
              <Row
                key={item.id}
                item={item}
                now={now}
                day={day}
                pictured={screens}
                peeking={peeked === item.id}
                onDelete={
                  mayDelete && !isErased(item) && !isDeleted(item) ? () => void deleteWithUndo(item) : null
                }
                onErase={mayErase && !isErased(item) ? () => setErasing(item) : null}
                onPeek={() => setPeeked((old) => (old === item.id ? null : item.id))}
              />
            ))}
          </ol>
        </section>
      ))}
      {erasing && (
        <EraseDialog recording={erasing} onClose={() => setErasing(null)} onErased={() => setPeeked(null)} />
      )}
    </div>
  );
}

function ListHead() {
  return (
    <div className="lh micro" aria-hidden="true">
      <span />
      <span>Who and where</span>
      <span>What happened</span>
      <span className="r">Length</span>
      <span className="sg">Signals</span>
      <span>Kept</span>
      <span className="r">Watched by</span>
    </div>
  );
}

const SKELETON = ["a", "b", "c", "d", "e", "f", "g", "h"];
const GLASS = Array.from({ length: 48 }, () => "a0" as const);

/** Glass at once, in the place and size of the rows to come. */
export function ListGlass() {
  return (
    <div role="status">
      <span className="vh">The list is loading</span>
      <ListHead />
      <ol aria-hidden="true">
        {SKELETON.map((key) => (
          <li key={key} className="rw sk">
            <span className="rl">
              <span className="si" />
              <span className="wh" />
              <span className="sp">
                <Panes className="strip" states={GLASS} />
              </span>
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
