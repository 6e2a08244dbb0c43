import { useMemo } from "react";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { hasSound } from "../lib/recording";
import type { Coaching } from "./coaching/useCoaching";
import type { PlaySession } from "./session";
import { tabsOf } from "./tabs";

const ALL = [
  { keys: ["Space", "K"], does: "Play or pause" },
  { keys: ["J"], does: "Back 10 seconds" },
  { keys: ["L"], does: "Forward 10 seconds" },
  { keys: ["←", "→"], does: "One second back or forward" },
  { keys: [","], does: "Previous event" },
  { keys: ["."], does: "Next event" },
  { keys: ["["], does: "Slower" },
  { keys: ["]"], does: "Faster" },
];
const HELP = {
  page: {
    title: "Player",
    lines: [
      ...ALL,
      { keys: ["1"], does: "First tab of the visitor; 2 to 7 the others" },
      { keys: ["0"], does: "The tab the visitor was in" },
    ],
  },
  video: { title: "Player", lines: [...ALL, { keys: ["M"], does: "Sound on or off" }] },
};

const WRITE = { keys: ["C"], does: "Comment" };
const CUT = { keys: ["I", "O"], does: "Mark the beginning and the end of a clip" };

/** The player's keys. They do nothing before a play is begun. */
export function usePlayerKeys(session: PlaySession, { write, mayClip, choose }: Coaching): void {
  const mayWrite = write !== null;
  const may = useMemo(() => [...(mayWrite ? [WRITE] : []), ...(mayClip ? [CUT] : [])], [mayWrite, mayClip]);
  const help = HELP[session.picture.kind];
  useKeyHelp(useMemo(() => ({ ...help, lines: [...help.lines, ...may] }), [help, may]));
  const open = () => session.state.phase.kind === "open";
  const when = (act: () => void) => () => {
    if (open()) act();
  };
  const by = (ms: number) => when(() => session.seek(session.state.atMs + ms));
  const tab = (n: number) =>
    when(() => {
      const track = tabsOf(session.state.recording.tracks)[n - 1];
      if (track) session.chooseTrack(track.id);
    });
  const mark = (end: "from" | "to") => {
    if (!mayClip) return;
    session.mark(end);
    choose("clips");
  };
  useKeys({
    " ": when(session.toggle),
    k: when(session.toggle),
    j: by(-10_000),
    l: by(10_000),
    ArrowLeft: by(-1_000),
    ArrowRight: by(1_000),
    ",": when(() => session.stepTo(-1)),
    ".": when(() => session.stepTo(1)),
    "[": when(() => session.changeSpeed(-1)),
    "]": when(() => session.changeSpeed(1)),
    "0": when(session.followVisitor),
    c: () => write?.(),
    i: when(() => mark("from")),
    o: when(() => mark("to")),
    m: when(() => {
      if (hasSound(session.state.recording)) session.setSound(!session.state.sound);
    }),
    ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((n) => [String(n), tab(n)])),
  });
}
