import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { endRecorder, listRecorders, type RecorderItem } from "../../api/recorders";
import { useAllowed } from "../../api/session";
import { ago, formatDate } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { explain, Loading } from "../States";
import { Wrong } from "../Wrong";
import "../../styles/recorders.css";

export const RECORDERS = ["recorders"];

interface RecorderListProps {
  /** Whose browsers these are; without it, those of everybody the reader may see, with their names. */
  person?: string;
  /** What is said where there are none. */
  none: string;
}

/** Browsers that record screens, and the way to end each. */
export function RecorderList({ person, none }: RecorderListProps) {
  const now = useNow(60_000);
  const mayEnd = useAllowed("recorder.end");
  const [ending, setEnding] = useState<RecorderItem | null>(null);
  const list = useQuery({ queryKey: RECORDERS, queryFn: ({ signal }) => listRecorders(signal) });
  const items = list.data?.items.filter((item) => person === undefined || item.person.id === person);
  return (
    <>
      {list.isPending && <Loading />}
      {list.error && (
        <p className="pad ink2">Which browsers these are could not be read. {explain(list.error).lines[0]}</p>
      )}
      {items?.length === 0 && <p className="pad ink2">{none}</p>}
      {items !== undefined && items.length > 0 && (
        <ul className="recorders">
          {items.map((item) => (
            <li key={item.id}>
              <Icon name="screen" />
              <span className="grow">
                <b>{item.label}</b>
                {person === undefined && (
                  <span className="small ink2">Records the screen of {item.person.name}</span>
                )}
                <span className="small ink3 num">
                  Since {formatDate(item.enrolled_at)},{" "}
                  {item.last_used_at === null
                    ? "never heard of since"
                    : `last heard of ${ago(item.last_used_at, now)}`}
                </span>
              </span>
              {mayEnd && (
                <button
                  type="button"
                  className="b s end"
                  aria-label={`End… ${item.label}`}
                  onClick={() => setEnding(item)}
                >
                  End…
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {ending && <EndDialog item={ending} onClose={() => setEnding(null)} />}
    </>
  );
}

function EndDialog({ item, onClose }: { item: RecorderItem; onClose: () => void }) {
  const end = useMutation({
    mutationFn: () => endRecorder(item.id),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: RECORDERS });
      onClose();
    },
  });
  return (
    <Dialog title="End this recorder?" isOpen onClose={onClose}>
      <p>
        <b>{item.label}</b> records nothing any more from that moment on, and what it has not sent yet is not
        taken.
      </p>
      <p className="ink2">
        What was recorded stays as it is. To record with this browser again, it joins again with a new code.
      </p>
      {end.error && <Wrong error={end.error} what="The browser may still record." />}
      <div className="actions">
        <button type="button" className="b" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="b end" disabled={end.isPending} onClick={() => end.mutate()}>
          End it
        </button>
      </div>
    </Dialog>
  );
}
