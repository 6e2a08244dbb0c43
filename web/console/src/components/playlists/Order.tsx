import { Link } from "@tanstack/react-router";
import { type DragEvent, type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import type { Playlist, PlaylistItem } from "../../api/coaching";
import { formatClock } from "../../lib/format";
import { useKeyHelp } from "../../lib/keyHelp";
import { useKeys } from "../../lib/keys";
import { sourceOf } from "../../lib/recording";
import { moveRow } from "../../lib/rows";
import { Icon } from "../Icon";
import { itemAddress, itemLength, itemLine, itemTitle, keysOf, moved } from "./items";

const help = {
  title: "Playlist",
  lines: [
    { keys: ["J", "K"], does: "Next and previous item" },
    { keys: ["Enter"], does: "Play from there" },
    { keys: ["Alt+↑", "Alt+↓"], does: "Move the item up or down" },
  ],
};

interface OrderProps {
  list: Playlist;
  onOrder: (items: PlaylistItem[]) => void;
  onRemove: (at: number) => void;
}

/** The items in their order. Whoever made the list drags one elsewhere, or moves it with Alt and an arrow. */
export function Order({ list, onOrder, onRemove }: OrderProps) {
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const { items, mine } = list;
  const [told, setTold] = useState("");
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const rows = useRef<HTMLOListElement>(null);
  const onWay = useRef<{ row: string; to: number; told: string } | null>(null);
  const keys = keysOf(items);
  const move = (from: number, to: number) => {
    const item = items[from];
    if (!item || to < 0 || to >= items.length || from === to) return;
    const now = moved(items, from, to);
    onWay.current = {
      row: keysOf(now)[to] ?? "",
      to,
      told: `${itemTitle(item)} is now ${to + 1} of ${items.length}.`,
    };
    onOrder(now);
  };
  // As soon as the item stands at its new place it has the focus again, and only then is it told: whoever goes on moving it
  // moves it from there.
  useLayoutEffect(() => {
    const arrived = onWay.current;
    if (!arrived || keys[arrived.to] !== arrived.row) return;
    onWay.current = null;
    rows.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(arrived.row)}"]`)?.focus();
    setTold(arrived.told);
  });
  const drop = (event: DragEvent, to: number) => {
    event.preventDefault();
    if (dragged !== null) move(dragged, to);
    setDragged(null);
    setOver(null);
  };
  return (
    <>
      <ol className="card queue order" ref={rows}>
        {items.map((item, at) => (
          <li
            key={keys[at]}
            className={[
              dragged === at ? "away" : "",
              over === at && dragged !== null && dragged !== at ? (dragged < at ? "after" : "before") : "",
            ]
              .join(" ")
              .trim()}
            draggable={mine}
            onDragStart={(event) => {
              event.dataTransfer.effectAllowed = "move";
              setDragged(at);
            }}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              setOver(at);
            }}
            onDrop={(event) => drop(event, at)}
            onDragEnd={() => {
              setDragged(null);
              setOver(null);
            }}
          >
            <One
              item={item}
              row={keys[at] ?? ""}
              at={at}
              list={list}
              onMove={(by) => move(at, at + by)}
              onRemove={() => onRemove(at)}
            />
          </li>
        ))}
      </ol>
      <p className="vh" role="status">
        {told}
      </p>
      {mine && items.length > 1 && (
        <p className="small ink3 orderhint">
          Drag an item to another place, or press <kbd>Alt</kbd> <kbd>↑</kbd> and <kbd>Alt</kbd> <kbd>↓</kbd>{" "}
          on it.
        </p>
      )}
    </>
  );
}

interface OneProps {
  item: PlaylistItem;
  /** By which name its line is known. */
  row: string;
  at: number;
  list: Playlist;
  onMove: (by: 1 | -1) => void;
  onRemove: () => void;
}

function One({ item, row, at, list, onMove, onRemove }: OneProps) {
  const title = itemTitle(item);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!list.mine || !event.altKey) return;
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    onMove(event.key === "ArrowUp" ? -1 : 1);
  };
  return (
    <>
      <span className="num ink3 place">{at + 1}</span>
      <Icon name={item.kind === "clip" ? "cut" : sourceOf(item.recording.source).icon} />
      <Link
        className="ql grow"
        {...itemAddress(item, list.id, at)}
        data-row={row}
        draggable={false}
        onKeyDown={onKeyDown}
      >
        <b className="cut">{title}</b>
        <span className="small ink3 num">{itemLine(item)}</span>
      </Link>
      <span className="small num ink2">{formatClock(itemLength(item))}</span>
      {list.mine && (
        <span className="row qacts">
          <button
            type="button"
            className="ib s up"
            disabled={at === 0}
            aria-label={`Move ${title} up`}
            title="Move it up  Alt ↑"
            onClick={() => onMove(-1)}
          >
            <Icon name="chev" small />
          </button>
          <button
            type="button"
            className="ib s"
            disabled={at === list.items.length - 1}
            aria-label={`Move ${title} down`}
            title="Move it down  Alt ↓"
            onClick={() => onMove(1)}
          >
            <Icon name="chev" small />
          </button>
          <button
            type="button"
            className="ib s"
            aria-label={`Take ${title} out of the playlist`}
            title="Take it out"
            onClick={onRemove}
          >
            <Icon name="close" small />
          </button>
        </span>
      )}
    </>
  );
}
