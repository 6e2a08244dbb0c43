import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { getRecording } from "../api/operations";
import { useSession } from "../api/session";
import type { Recording } from "../api/types";
import { restoreFromBin } from "../components/erasing/deleting";
import { Empty, Loading, Trouble } from "../components/States";
import { useTitle } from "../lib/useTitle";
import { type Place, usePlace } from "../routes/playerPlace";
import { Player } from "./Player";
import { PlaySession } from "./session";

/** The player's page: the recording is read, and stands sealed until somebody begins a play. */
export default function PlayerRoute() {
  const place = usePlace();
  const recording = useQuery({
    queryKey: ["recording", place.id],
    queryFn: ({ signal }) => getRecording(place.id, signal),
    staleTime: 30_000,
    retry: (count, error) => !(error instanceof ApiError) && count < 2,
  });
  useTitle(recording.data ? titleOf(recording.data) : "Recording");
  if (recording.data) {
    return (
      <Opened
        // Another clip, or the same one at another place of a playlist, is played from its beginning.
        key={[place.id, place.clip, place.from?.list, place.from?.item].join(" ")}
        recording={recording.data}
        place={place}
        refetch={() => getRecording(place.id)}
      />
    );
  }
  if (recording.error instanceof ApiError && recording.error.slug === "deleted") {
    return <InBin id={place.id} told={recording.error.message} />;
  }
  if (recording.error) {
    return <Trouble error={recording.error} what="The recording" retry={() => void recording.refetch()} />;
  }
  return <Loading />;
}

/** It lies in the recycle bin, and whoever asks may bring it back. */
function InBin({ id, told }: { id: string; told: string }) {
  const recording = { id, subject: { label: "this address" } };
  return (
    <Empty
      title="It was deleted"
      actions={
        <>
          <button type="button" className="b lead" onClick={() => void restoreFromBin(recording)}>
            Restore it
          </button>
          <Link className="b" to="/recordings/bin" search={{ open: id }}>
            See it in the recycle bin
          </Link>
        </>
      }
    >
      <p>{told}</p>
    </Empty>
  );
}

interface OpenedProps {
  recording: Recording;
  place: Place;
  refetch: () => Promise<Recording>;
}

function Opened({ recording, place, refetch }: OpenedProps) {
  const person = useSession().person;
  const [session] = useState(() => new PlaySession(recording, place.t, refetch, place.clip));
  useEffect(() => session.renew(recording), [session, recording]);
  useEffect(() => {
    session.arrive();
    window.addEventListener("pageshow", session.arrive);
    window.addEventListener("pagehide", session.leave);
    return () => {
      window.removeEventListener("pageshow", session.arrive);
      window.removeEventListener("pagehide", session.leave);
      session.leave();
    };
  }, [session]);
  return <Player session={session} person={person} place={place} />;
}

/** What a recording is called: its first page's title where it may be read, else its subject. */
export function titleOf(recording: Recording): string {
  const title = recording.summary?.title;
  if (title && !title.includes("\u2022")) return title;
  return recording.subject.label;
}
