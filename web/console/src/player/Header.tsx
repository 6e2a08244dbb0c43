import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useAllowed } from "../api/session";
import type { Recording } from "../api/types";
import { deleteWithUndo } from "../components/erasing/deleting";
import { EraseDialog } from "../components/erasing/EraseDialog";
import { Icon } from "../components/Icon";
import { Panes } from "../components/Panes";
import { formatClock, formatDate, formatTime, plural, shorten, timeLeft } from "../lib/format";
import { leftPanes } from "../lib/left";
import { isDeleted, isErased, placeName, sourceOf } from "../lib/recording";
import { useNow } from "../lib/useNow";
import { queryClient } from "../queryClient";
import { ExportButton } from "./coaching/ExportButton";
import { ReviewButton } from "./coaching/ReviewButton";
import { titleOf } from "./PlayerRoute";
import type { PlaySession } from "./session";
import { usePlayer } from "./usePlayer";

/** What this recording is, and how long it stays. */
export function Header({ session }: { session: PlaySession }) {
  usePlayer(session, (state) => state.recording);
  const recording = session.whole;
  const gone = isErased(recording);
  return (
    <header className="rh">
      <Link className="ib" to="/recordings" aria-label="Back to recordings">
        <Icon name="back" />
      </Link>
      <div className="grow">
        <h1 className="row">
          <span className="cut">
            {gone ? `A recording of ${recording.subject.label}` : titleOf(recording)}
          </span>
          <span className="srcs" title={sourceOf(recording.source).long}>
            <Icon name={sourceOf(recording.source).icon} small />
          </span>
          {isDeleted(recording) && (
            <Link className="tag attn" to="/recordings/bin" search={{ open: recording.id }}>
              <Icon name="bin" />
              in the recycle bin
            </Link>
          )}
          {recording.live && (
            <span className="tag live">
              <span className="dot live" />
              Live
            </span>
          )}
        </h1>
        <p className="small ink2 cut facts">
          <span>{recording.subject.label}</span>
          <span>{placeName(recording)}</span>
          <span className="num">{whenOf(recording)}</span>
          <span className="num">{formatClock(recording.duration_us)}</span>
          <span className="mono idc" title={recording.id}>
            {shorten(recording.id)}
          </span>
        </p>
      </div>
      {!gone && (
        <>
          <span className="tag sealed">
            <Icon name="seal" />
            Sealed, {plural(recording.sealed_keys, "key")}
          </span>
          <Kept recording={recording} />
        </>
      )}
      {!gone && <ReviewButton recording={recording.id} about={recording.subject.person ?? null} />}
      <ExportButton recording={recording} />
      <Delete session={session} />
      <Erase session={session} />
    </header>
  );
}

/** The way to delete it, which can be undone. The page of what is deleted is the list it was in. */
function Delete({ session }: { session: PlaySession }) {
  const recording = usePlayer(session, (state) => state.recording);
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const may = useAllowed("recording.delete");
  if (!may || isErased(recording) || isDeleted(recording)) return null;
  const act = async () => {
    setBusy(true);
    const deleted = await deleteWithUndo(recording);
    setBusy(false);
    if (!deleted) return;
    await session.end();
    await navigate({ to: "/recordings" });
  };
  return (
    <button
      type="button"
      className="ib"
      aria-label="Delete"
      title="Delete; it can be restored"
      disabled={busy}
      onClick={() => void act()}
    >
      <Icon name="bin" />
    </button>
  );
}

/** The way to erase it. What was watched ends, and the page shows what is left. */
function Erase({ session }: { session: PlaySession }) {
  const recording = usePlayer(session, (state) => state.recording);
  const [asking, setAsking] = useState(false);
  const erased = async () => {
    await session.end();
    await queryClient.invalidateQueries({ queryKey: ["recording", recording.id] });
  };
  if (!useAllowed("recording.erase")) return null;
  return (
    <>
      {!isErased(recording) && (
        <button
          type="button"
          className="ib"
          aria-label="Erase…"
          title="Erase…"
          onClick={() => setAsking(true)}
        >
          <Icon name="erase" />
        </button>
      )}
      {asking && (
        <EraseDialog
          recording={recording}
          atUs={Math.round(session.state.atMs * 1000)}
          onClose={() => setAsking(false)}
          onErased={() => void erased()}
        />
      )}
    </>
  );
}

function Kept({ recording }: { recording: Recording }) {
  const now = useNow(60_000);
  const left = timeLeft(recording.kept_until, now);
  return (
    <span className="kept">
      <span className="small">
        <b className="num">{left.text}</b>
        {recording.kept_until !== null && <span className="ink3"> left</span>}
      </span>
      <Panes states={leftPanes(recording.started_at, recording.kept_until, now)} />
    </span>
  );
}

function whenOf(recording: Recording): string {
  const begun = `${formatDate(recording.started_at)}, ${formatTime(recording.started_at)}`;
  return recording.ended_at === null
    ? `${begun}, still going on`
    : `${begun} – ${formatTime(recording.ended_at)}`;
}
