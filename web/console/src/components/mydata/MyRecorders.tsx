import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { offerRecorder, type RecorderCode } from "../../api/recorders";
import { useAllowed } from "../../api/session";
import { queryClient } from "../../queryClient";
import { JoinDialog } from "../recorders/JoinDialog";
import { RECORDERS, RecorderList } from "../recorders/RecorderList";
import { Wrong } from "../Wrong";

/** The browsers that record one's own screen, and a code for one more. */
export function MyRecorders({ person }: { person: string }) {
  const [made, setMade] = useState<RecorderCode | null>(null);
  const mayRead = useAllowed("recorder.read");
  const mayEnrol = useAllowed("recorder.enrol");
  const offer = useMutation({ mutationFn: offerRecorder, onSuccess: setMade });
  const close = () => {
    setMade(null);
    // It may have joined meanwhile.
    void queryClient.invalidateQueries({ queryKey: RECORDERS });
  };
  if (!mayRead && !mayEnrol) return null;
  return (
    <section className="card">
      <div className="sh">
        <h2 className="grow">Browsers that record your screen</h2>
      </div>
      {mayRead && (
        <RecorderList person={person} none="None does. A browser records only after it has joined." />
      )}
      {offer.error && <Wrong error={offer.error} what="No code was made." />}
      {mayEnrol && (
        <div className="pad">
          <button type="button" className="b" disabled={offer.isPending} onClick={() => offer.mutate()}>
            Let a browser record my screen…
          </button>
        </div>
      )}
      {made && <JoinDialog made={made} onClose={close} />}
    </section>
  );
}
