import { useEffect } from "react";
import { MAY, useAllowed } from "../api/session";
import type { Session } from "../api/types";
import { isErased } from "../lib/recording";
import type { Place } from "../routes/playerPlace";
import { useCoaching } from "./coaching/useCoaching";
import { Facts } from "./Facts";
import { Header } from "./Header";
import { usePlayerKeys } from "./keys";
import "./player.css";
import "./stage.css";
import "./events.css";
import "./transport.css";
import "./inside.css";
import "./narrow.css";
import { FromList } from "./FromList";
import { Side } from "./Side";
import { Stage } from "./Stage";
import { Strip } from "./Strip";
import type { PlaySession } from "./session";
import { Tracks } from "./Tracks";
import { Transport } from "./Transport";
import { usePlayer } from "./usePlayer";

export interface PlayerProps {
  session: PlaySession;
  person: Session["person"];
  place: Place;
}

/** One recording: what it is, who is watching, the picture, what happened, and all tracks on one scale. */
export function Player({ session, person, place }: PlayerProps) {
  const phase = usePlayer(session, (state) => state.phase.kind);
  const live = usePlayer(session, (state) => state.recording.live);
  const mayFollow = useAllowed("recording.follow");
  const coaching = useCoaching(session, place.side);
  const mayList = useAllowed(MAY.playlists);
  usePlayerKeys(session, coaching);
  useEffect(() => {
    const { phase, recording } = session.state;
    const something = recording.live || recording.tracks.some((track) => track.segments.length > 0);
    // Coming here is asking to watch. The server decides, records it, and asks for a reason where one is due;
    // until it has answered, everything stands sealed. What goes on is not asked for by whoever may not follow.
    if (phase.kind === "sealed" && something && !isErased(recording) && (mayFollow || !live)) {
      void session.begin(undefined, place.follow && live);
    }
  }, [place.follow, session, live, mayFollow]);
  return (
    <div className="player" data-phase={phase}>
      {place.from && mayList && <FromList session={session} from={place.from} />}
      <Header session={session} />
      <Strip session={session} />
      <div className="mid">
        <Facts session={session} person={person} />
        <Stage session={session} />
        <Side session={session} person={person} coaching={coaching} />
      </div>
      <Transport session={session} coaching={coaching} />
      <Tracks session={session} person={person} coaching={coaching} />
    </div>
  );
}
