import { useMemo } from "react";
import { useSession } from "../api/session";
import type { Recording } from "../api/types";
import { Icon } from "../components/Icon";
import { isErased, pathOf, placeOf } from "../lib/recording";
import { Cards } from "./Cards";
import { Video } from "./film/Video";
import { InertFrame } from "./InertFrame";
import { pageAt } from "./lane";
import type { PlaySession } from "./session";
import { tabsOf } from "./tabs";
import { usePlayer } from "./usePlayer";

/** The picture, and whatever stands in its place. */
export function Stage({ session }: { session: PlaySession }) {
  const erased = usePlayer(session, (state) => isErased(state.recording));
  const picture = usePlayer(session, (state) => state.picture && state.gap === null);
  const viewport = usePlayer(session, (state) => state.viewport);
  const shape = useMemo(() => {
    const { width, height } = viewport ?? { width: 16, height: 9 };
    return { "--rw": width, "--rh": height } as React.CSSProperties;
  }, [viewport]);
  return (
    <section className="stage" aria-label="Replay">
      <Bar session={session} />
      <div className="view">
        <div className="rec" data-shown={picture} style={shape}>
          {!erased && <Shown session={session} />}
          {picture && (
            <button
              type="button"
              className="cover"
              tabIndex={-1}
              aria-label="Play or pause"
              onClick={session.toggle}
            />
          )}
        </div>
      </div>
      <Cards session={session} />
    </section>
  );
}

/** A recorded document is drawn by a page that can do nothing else; a screen plays here. */
function Shown({ session }: { session: PlaySession }) {
  const origin = useSession().content_origin;
  const subject = usePlayer(session, (state) => state.recording.subject.label);
  const { picture } = session;
  if (picture.kind === "video") {
    return (
      <Video film={picture} title={`The screen of ${subject}. What happened is in the list of events.`} />
    );
  }
  return (
    <InertFrame
      contentOrigin={origin}
      title={`Replay of the page ${subject} saw. What happened is in the list of events.`}
      onReady={picture.attach}
    />
  );
}

function Bar({ session }: { session: PlaySession }) {
  const open = usePlayer(session, (state) => state.phase.kind === "open");
  const url = usePlayer(
    session,
    (state) => pageAt(state.marks, state.atMs, state.trackId) ?? startOf(state.recording),
  );
  const trouble = usePlayer(session, (state) => state.trouble);
  return (
    <div className="sbar">
      <Tabs session={session} />
      <span className="url cut">{open && <code>{url}</code>}</span>
      {trouble === null ? (
        open &&
        session.picture.kind === "page" && (
          <span className="small ink3 nowrap inert">Inert: no scripts, no connections</span>
        )
      ) : (
        <span className="small trouble" role="status">
          {trouble}
        </span>
      )}
      <button
        type="button"
        className="ib s"
        aria-label="Full screen"
        title="Full screen"
        onClick={(event) => void event.currentTarget.closest(".stage")?.requestFullscreen()}
      >
        <Icon name="fit" />
      </button>
    </div>
  );
}

/** The page it began on, as long as nothing that was opened says where it is. */
function startOf({ source, summary }: Recording): string {
  const url = summary?.url ?? "";
  return source === "screen" ? placeOf(url) : pathOf(url);
}

/** One button per tab the visitor had open, and one for the tab they were in. */
function Tabs({ session }: { session: PlaySession }) {
  const tracks = usePlayer(session, (state) => state.recording.tracks);
  const shown = usePlayer(session, (state) => state.trackId);
  const chosen = usePlayer(session, (state) => state.tab === "chosen");
  const tabs = tabsOf(tracks);
  if (tabs.length <= 1) return null;
  return (
    <fieldset className="seg" aria-label="Which tab to show">
      <button
        type="button"
        aria-pressed={!chosen}
        title="Show the tab the visitor was in  0"
        onClick={session.followVisitor}
      >
        Visitor’s
      </button>
      {tabs.map((track, index) => (
        <button
          key={track.id}
          type="button"
          aria-pressed={chosen && track.id === shown}
          aria-current={track.id === shown ? "true" : undefined}
          title={`Show only this tab  ${index + 1}`}
          onClick={() => session.chooseTrack(track.id)}
        >
          <Icon name="page" small />
          Tab {index + 1}
        </button>
      ))}
    </fieldset>
  );
}
