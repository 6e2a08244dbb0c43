import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { type Clip, TITLE_LENGTH } from "../../api/coaching";
import { MAY, useAllowed } from "../../api/session";
import type { Session } from "../../api/types";
import { Icon } from "../../components/Icon";
import { AddDialog } from "../../components/playlists/AddDialog";
import { Loading } from "../../components/States";
import { Wrong } from "../../components/Wrong";
import { dropDraft, keepDraft, newClip, useDraft } from "../../lib/drafts";
import { formatClock } from "../../lib/format";
import { NOTHING_MARKED, partOf, partWords } from "../clip";
import type { PlaySession } from "../session";
import { usePlayer } from "../usePlayer";
import { Unread } from "./Unread";
import type { Clips } from "./useClips";

interface ClipsPanelProps {
  session: PlaySession;
  person: Session["person"];
  clips: Clips;
}

interface Adding {
  item: { kind: "clip" | "recording"; id: string };
  what: string;
}

/** Parts of this recording that somebody cut out for others: to mark one, to play one alone, to put one into a playlist. */
export function ClipsPanel({ session, person, clips }: ClipsPanelProps) {
  const id = usePlayer(session, (state) => state.recording.id);
  const mayCut = useAllowed(MAY.clip);
  const mayList = useAllowed(MAY.playlists);
  const [adding, setAdding] = useState<Adding | null>(null);
  const { list, items } = clips;
  return (
    <div className="panel">
      <div className="pbody">
        {list.isPending && <Loading />}
        {list.error && <Unread what="The clips" error={list.error} retry={() => void list.refetch()} />}
        {list.data && items.length === 0 && (
          <p className="ishut small">
            No clip was made of this recording. A clip is a part with a title; it lives exactly as long as the
            recording.
          </p>
        )}
        <ol className="clips">
          {items.map((clip) => (
            <One
              key={clip.id}
              clip={clip}
              session={session}
              clips={clips}
              own={clip.made_by.id === person.id}
              onAdd={
                mayList
                  ? () => setAdding({ item: { kind: "clip", id: clip.id }, what: `the clip “${clip.title}”` })
                  : null
              }
            />
          ))}
        </ol>
      </div>
      <div className="pfoot">
        {mayCut && list.data && <Make session={session} clips={clips} />}
        {mayList && (
          <button
            type="button"
            className="link small start"
            onClick={() => setAdding({ item: { kind: "recording", id }, what: "this whole recording" })}
          >
            Add the whole recording to a playlist…
          </button>
        )}
      </div>
      {adding && <AddDialog {...adding} onClose={() => setAdding(null)} />}
    </div>
  );
}

interface OneProps {
  clip: Clip;
  session: PlaySession;
  clips: Clips;
  own: boolean;
  onAdd: (() => void) | null;
}

function One({ clip, session, clips, own, onAdd }: OneProps) {
  const [renaming, setRenaming] = useState(false);
  const playing = usePlayer(session, (state) => state.clip?.id === clip.id);
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const mayDelete = useAllowed("recording.delete");
  const length = formatClock((clip.to_ms - clip.from_ms) * 1000);
  return (
    <li className={playing ? "clip now" : "clip"} aria-current={playing || undefined}>
      {renaming ? (
        <Rename clip={clip} clips={clips} onClose={() => setRenaming(false)} />
      ) : (
        <p>
          <b>{clip.title}</b>
        </p>
      )}
      <p className="small ink3 num">
        {partWords(clip)}, {length} long, by {own ? "you" : clip.made_by.name}
      </p>
      <p className="row acts">
        {playing ? (
          <span className="tag lit">
            <Icon name="play" small />
            Plays alone
          </span>
        ) : (
          <Link
            className="b s"
            to="/recordings/$id"
            params={{ id: clip.recording }}
            search={{ clip: clip.id, side: "clips" }}
            aria-label={`Play ${clip.title} alone`}
          >
            <Icon name="play" small />
            Play
          </Link>
        )}
        {open && !session.clip && (
          <button
            type="button"
            className="b s"
            aria-label={`Go there: ${clip.title}`}
            onClick={() => session.seek(clip.from_ms)}
          >
            Go there
          </button>
        )}
        {onAdd && (
          <button
            type="button"
            className="b s"
            aria-label={`Add… ${clip.title} to a playlist`}
            onClick={onAdd}
          >
            Add…
          </button>
        )}
        <span className="grow" />
        {own && (
          <button
            type="button"
            className="ib s"
            aria-label={`Change the title of ${clip.title}`}
            title="Change the title"
            onClick={() => setRenaming(!renaming)}
          >
            <Icon name="pen" small />
          </button>
        )}
        {(own || mayDelete) && (
          <button
            type="button"
            className="ib s"
            aria-label={`Delete the clip ${clip.title}`}
            title="Delete the clip; the recording stays"
            onClick={() => clips.remove(clip)}
          >
            <Icon name="bin" small />
          </button>
        )}
      </p>
    </li>
  );
}

function Rename({ clip, clips, onClose }: { clip: Clip; clips: Clips; onClose: () => void }) {
  const { change } = clips;
  const keep = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget).get("title") ?? "").trim();
    if (title !== "") change.mutate({ clip, to: { title } }, { onSuccess: onClose });
  };
  return (
    <form className="row" onSubmit={keep}>
      <input
        className="in grow"
        name="title"
        aria-label="Title of the clip"
        defaultValue={clip.title}
        maxLength={TITLE_LENGTH}
        required
        // It stands in the place of the title that was just pressed.
        // biome-ignore lint/a11y/noAutofocus: see above
        autoFocus
        onKeyDown={(event) => event.key === "Escape" && onClose()}
      />
      <button type="submit" className="b s lead" disabled={change.isPending}>
        Keep
      </button>
      {change.error && <Wrong error={change.error} what="The title stays." />}
    </form>
  );
}

function Make({ session, clips }: { session: PlaySession; clips: Clips }) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const marked = usePlayer(session, (state) => state.marked);
  const draft = newClip(usePlayer(session, (state) => state.recording.id));
  const title = useDraft(draft)?.text ?? "";
  const part = partOf(marked);
  const { make } = clips;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!part || title.trim() === "") return;
    make.mutate(
      { ...part, title: title.trim() },
      {
        onSuccess: () => {
          dropDraft(draft);
          session.setMarked(NOTHING_MARKED);
        },
      },
    );
  };
  if (!open) return <p className="small ink3">To mark a part of it, open the recording.</p>;
  return (
    <form className="mkclip" onSubmit={submit}>
      <div className="row">
        <End session={session} end="from" ms={marked.fromMs} />
        <End session={session} end="to" ms={marked.toMs} />
        {(marked.fromMs !== null || marked.toMs !== null) && (
          <button
            type="button"
            className="ib s"
            aria-label="Mark nothing"
            title="Mark nothing"
            onClick={() => session.setMarked(NOTHING_MARKED)}
          >
            <Icon name="close" small />
          </button>
        )}
      </div>
      <div className="row">
        <input
          className="in grow"
          aria-label="Title of the new clip"
          placeholder={part ? "A title" : "Mark a part, then give it a title"}
          maxLength={TITLE_LENGTH}
          value={title}
          onChange={(event) => keepDraft(draft, event.target.value)}
        />
        <button type="submit" className="b lead" disabled={!part || title.trim() === "" || make.isPending}>
          Make a clip
        </button>
      </div>
      {make.error && <Wrong error={make.error} what="No clip was made." />}
    </form>
  );
}

function End({ session, end, ms }: { session: PlaySession; end: "from" | "to"; ms: number | null }) {
  const name = end === "from" ? "From" : "To";
  const at = ms === null ? "" : formatClock(ms * 1000);
  return (
    <button
      type="button"
      className="b s grow"
      title={`Mark it at the playhead  ${end === "from" ? "I" : "O"}`}
      onClick={() => session.mark(end)}
    >
      {name} <span className="num">{at === "" ? "here" : at}</span> <kbd>{end === "from" ? "I" : "O"}</kbd>
      <span className="vh">: mark the {end === "from" ? "beginning" : "end"} of a clip at the playhead</span>
    </button>
  );
}
