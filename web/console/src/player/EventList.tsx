import { memo, useEffect, useRef } from "react";
import { Icon, type IconName } from "../components/Icon";
import { formatClock, plural } from "../lib/format";
import { gapLine, gapWords } from "./gaps";
import { type Mark, type MarkKind, markAt } from "./lane";
import type { PlaySession } from "./session";
import { tabsOf } from "./tabs";
import { usePlayer } from "./usePlayer";

const ICONS: Record<MarkKind, IconName> = {
  page: "page",
  click: "click",
  rage: "bolt",
  input: "click",
  submit: "check",
  copy: "copy",
  paste: "doc",
  scroll: "more",
  resize: "fit",
  error: "warn",
  note: "flag",
  idle: "clock",
};

/** What happened, as a list that can be read without the picture, in step with the playhead. */
export function EventList({ session, inStep }: { session: PlaySession; inStep: boolean }) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const marks = usePlayer(session, (state) => state.marks);
  if (open) return <List session={session} marks={marks} inStep={inStep} />;
  return (
    <p className="ishut small">
      <Icon name="seal" small />
      Events are content, and sealed.
    </p>
  );
}

type Row = { key: string; atMs: number } & ({ mark: Mark; tab: string } | { gap: string; line: string });

function List({ session, marks, inStep }: { session: PlaySession; marks: readonly Mark[]; inStep: boolean }) {
  const recording = usePlayer(session, (state) => state.recording);
  const tabs = tabsOf(recording.tracks).map(({ id }) => id);
  const tabOf = (mark: Mark) => (tabs.length > 1 ? `Tab ${tabs.indexOf(mark.track ?? "") + 1}` : "");
  const rows: Row[] = [
    ...marks.map((mark, n) => ({ key: `m${n}`, atMs: mark.atMs, mark, tab: tabOf(mark) })),
    ...session.gaps.map((gap) => ({
      key: `g${gap.from_us}`,
      atMs: gap.from_us / 1000,
      gap: gapWords(gap.reason).short,
      line: gapLine(gap),
    })),
  ].sort((a, b) => a.atMs - b.atMs);
  const now = usePlayer(session, (state) => markAt(rows as unknown as Mark[], state.atMs));
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (!inStep || now < 0) return;
    const row = list.current?.children[now];
    if (row instanceof HTMLElement && list.current) {
      list.current.scrollTo({ top: row.offsetTop - list.current.clientHeight / 2 });
    }
  }, [now, inStep]);
  if (rows.length === 0) {
    const opened = recording.tracks.some((track) => track.segments.length > 0);
    return <p className="ishut small">{opened ? "Nothing happened so far." : "No events yet."}</p>;
  }
  return (
    <ol ref={list} className="evs" aria-label={`${plural(rows.length, "event")}, in step with the playhead`}>
      {rows.map((row, n) => (
        <Entry
          key={row.key}
          row={row}
          place={n === now ? "now" : n > now ? "next" : "past"}
          seek={session.seek}
        />
      ))}
    </ol>
  );
}

interface EntryProps {
  row: Row;
  place: "past" | "now" | "next";
  seek: (ms: number) => void;
}

const Entry = memo(
  function Entry({ row, place, seek }: EntryProps) {
    const kind = "mark" in row ? row.mark.kind : "gap";
    const tone = kind === "error" ? "bad" : kind === "rage" ? "frus" : kind === "gap" ? "out" : "";
    return (
      <li
        className={`${tone} ${place === "past" ? "" : place}`}
        aria-current={place === "now" ? "true" : undefined}
      >
        <button type="button" className="evb" onClick={() => seek(row.atMs)}>
          <time className="num">{formatClock(row.atMs * 1000)}</time>
          <Icon name={"mark" in row ? ICONS[row.mark.kind] : "gap"} small />
          <span className="grow">
            {"mark" in row ? (
              <Told mark={row.mark} tab={row.tab} now={place === "now"} />
            ) : (
              <Missing row={row} />
            )}
          </span>
        </button>
      </li>
    );
  },
  (a, b) =>
    a.place === b.place &&
    a.row.key === b.row.key &&
    a.row.atMs === b.row.atMs &&
    "mark" in a.row &&
    "mark" in b.row &&
    a.row.tab === b.row.tab &&
    a.row.mark.detail === b.row.mark.detail &&
    a.row.mark.object === b.row.mark.object,
);

function Missing({ row }: { row: Row }) {
  if ("mark" in row) return null;
  return (
    <>
      <span className="evt">{row.gap}</span>
      <span className="evsub">{row.line}</span>
    </>
  );
}

function Told({ mark, tab, now }: { mark: Mark; tab: string; now: boolean }) {
  return (
    <>
      <span className="evt">
        {mark.verb}{" "}
        {mark.kind === "page" ? <code>{mark.object}</code> : mark.object !== "" && <b>{mark.object}</b>}
      </span>
      {(mark.detail !== "" || tab !== "") && (
        <span className="evsub">{[tab, mark.detail].filter(Boolean).join(". ")}</span>
      )}
      {now && mark.element !== "" && (
        <span className="evsub">
          Element <code>{mark.element}</code>
        </span>
      )}
    </>
  );
}
