import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { getPlaylist, type PlaylistItem } from "../api/coaching";
import { Icon } from "../components/Icon";
import { itemAddress, itemTitle } from "../components/playlists/items";
import { newClip, newComment, useDraft } from "../lib/drafts";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

/** How long the end of an item stands before the next one begins. */
const REST_MS = 3_000;
const END_MS = 80;

/** Which playlist this is played from, what comes next, and that it goes on by itself. */
export function FromList({ session, from }: { session: PlaySession; from: { list: string; item: number } }) {
  const list = useQuery({
    queryKey: ["playlist", from.list],
    queryFn: ({ signal }) => getPlaylist(from.list, signal),
    staleTime: 60_000,
  });
  const items = list.data?.items ?? [];
  const next = items[from.item + 1];
  const before = items[from.item - 1];
  const [stays, setStays] = useState(false);
  const ended = useEnded(session);
  const navigate = useNavigate();
  const recording = usePlayer(session, (state) => state.recording.id);
  const begun = [useDraft(newComment(recording)), useDraft(newClip(recording))].some((draft) =>
    draft?.text.trim(),
  );
  const comes = ended && !stays && next !== undefined;
  const writes = useWrites(comes) || begun;
  const goesOn = comes && !writes;
  useEffect(() => {
    if (!goesOn || !next) return;
    const timer = setTimeout(() => void navigate(itemAddress(next, from.list, from.item + 1)), REST_MS);
    return () => clearTimeout(timer);
  }, [goesOn, next, from, navigate]);
  if (!list.data) return null;
  return (
    <nav className="fromlist" aria-label={`Playlist ${list.data.title}`}>
      <Icon name="list" />
      <Link className="link cut" to="/recordings/playlists/$id" params={{ id: from.list }}>
        {list.data.title}
      </Link>
      <span className="small ink3 num nowrap">
        {from.item + 1} of {items.length}
      </span>
      <span className="grow small ink2 cut" role="status">
        {goesOn && `${itemTitle(next)} begins in a moment.`}
        {comes && writes && "The next one waits while you write."}
        {ended && next === undefined && "That was the last one."}
      </span>
      {goesOn && (
        <button type="button" className="b s" onClick={() => setStays(true)}>
          Stay here
        </button>
      )}
      <Step item={before} list={from.list} at={from.item - 1} word="Previous" />
      <Step item={next} list={from.list} at={from.item + 1} word="Next" />
    </nav>
  );
}

interface StepProps {
  item: PlaylistItem | undefined;
  list: string;
  at: number;
  word: "Previous" | "Next";
}

function Step({ item, list, at, word }: StepProps) {
  if (!item) return null;
  return (
    <Link className="b s" {...itemAddress(item, list, at)} title={itemTitle(item)}>
      {word}
      <span className="vh">: {itemTitle(item)}</span>
    </Link>
  );
}

const FIELDS = ".player textarea, .player input.in";
const DIALOGS = "[role='dialog'], [role='alertdialog']";
const LOOK_EVERY_MS = 300;

/** Whether somebody is at a field of the player, or has one open: it is looked for, as a field that goes tells nobody. */
function useWrites(asked: boolean): boolean {
  const [writes, setWrites] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const look = () => {
      const fields = document.querySelectorAll<HTMLTextAreaElement | HTMLInputElement>(FIELDS);
      const used = [...fields].some((field) => field === document.activeElement || field.value.trim() !== "");
      setWrites(used || document.querySelector(DIALOGS) !== null);
    };
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [asked]);
  return writes;
}

/** Whether playing came to the end by itself. */
function useEnded(session: PlaySession): boolean {
  const plays = usePlayer(session, (state) => state.wantsPlay && state.phase.kind === "open");
  const [ended, setEnded] = useState(false);
  useEffect(() => {
    const { atMs, recording, phase } = session.state;
    const atEnd = phase.kind === "open" && !recording.live && atMs >= recording.duration_us / 1000 - END_MS;
    setEnded(!plays && atEnd);
  }, [plays, session]);
  return ended;
}
