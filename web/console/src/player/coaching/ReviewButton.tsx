import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { ApiError } from "../../api/client";
import { getReview, type Review, setReview } from "../../api/coaching";
import { MAY, useAllowed, useSession } from "../../api/session";
import { Dialog } from "../../components/Dialog";
import { Icon } from "../../components/Icon";
import { Wrong } from "../../components/Wrong";
import { formatDate } from "../../lib/format";
import { later } from "../../lib/later";
import { lapse } from "../../lib/notices";
import { queryClient } from "../../queryClient";

export const reviewKey = (recording: string) => ["review", recording];

/** What the queue says about a recording, or null where it is not on it. */
async function onQueue(recording: string, signal: AbortSignal): Promise<Review | null> {
  try {
    return await getReview(recording, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

interface ReviewButtonProps {
  recording: string;
  /** Whom it is about: they ask for a first review, and others say that there was one or that there is to be another. */
  about: string | null;
}

/** Whether somebody is to look at this recording, and the way to say so or that one has. */
export function ReviewButton({ recording, about }: ReviewButtonProps) {
  const may = useAllowed(MAY.reviews);
  const [asking, setAsking] = useState(false);
  const review = useQuery({
    queryKey: reviewKey(recording),
    queryFn: ({ signal }) => onQueue(recording, signal),
    enabled: may,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { id, name, initials } = useSession().person;
  // As in the queue nothing is sent while there is a way back: whoever goes back has said nothing.
  const done = (before: Review) =>
    later({
      said: "It is reviewed, and off the list of what waits.",
      failed: "The review queue stays as it was.",
      hide: () =>
        queryClient.setQueryData<Review>(reviewKey(recording), {
          ...before,
          state: "done",
          done_by: { id, name, initials },
          done_at: new Date().toISOString(),
        }),
      show: () => queryClient.setQueryData<Review>(reviewKey(recording), before),
      // Without a note: the one that is there stays, which may be another by now.
      act: () => setReview(recording, { state: "done" }).then(isNow),
    });
  if (!may || review.data === undefined) return null;
  if (review.data?.state === "waiting") {
    const waits = review.data;
    return (
      <span className="row rvw">
        <span className="tag attn" title={waits.note ?? undefined}>
          <Icon name="flag" />
          waits for review
        </span>
        {about !== id && (
          <button type="button" className="b s" onClick={() => done(waits)}>
            <Icon name="check" small />
            Reviewed
          </button>
        )}
      </span>
    );
  }
  return (
    <span className="row rvw">
      {review.data && (
        <span className="tag line" title={doneWords(review.data)}>
          <Icon name="check" />
          reviewed
        </span>
      )}
      {!(review.data && about === id) && (
        <button
          type="button"
          className="ib"
          aria-label={review.data ? "Mark for review again…" : "Mark for review…"}
          title={review.data ? "Mark for review again…" : "Mark for review…"}
          onClick={() => {
            // That it was reviewed is said before it is asked for again.
            lapse();
            setAsking(true);
          }}
        >
          <Icon name="flag" />
        </button>
      )}
      {asking && <Ask recording={recording} onClose={() => setAsking(false)} />}
    </span>
  );
}

/** What the server says of it now, here and in the queue. */
function isNow(review: Review): void {
  queryClient.setQueryData<Review>(reviewKey(review.recording.id), review);
  void queryClient.invalidateQueries({ queryKey: ["reviews"] });
}

const doneWords = ({ done_by, done_at }: Review): string =>
  `${done_by ? `By ${done_by.name}` : "Done"}${done_at ? ` on ${formatDate(done_at)}` : ""}`;

/** Says what somebody is to look for. */
function Ask({ recording, onClose }: { recording: string; onClose: () => void }) {
  const id = useId();
  const ask = useMutation({
    // Without words it is asked for without a note: what was noted for another asking is not theirs.
    mutationFn: (note: string) => setReview(recording, { state: "waiting", note: note === "" ? null : note }),
    onSuccess: (now) => {
      isNow(now);
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    ask.mutate(String(new FormData(event.currentTarget).get("note") ?? "").trim());
  };
  return (
    <Dialog title="Mark for review" isOpen onClose={onClose}>
      <form onSubmit={submit}>
        <p className="ink2">
          It stands in the review queue until somebody says that they have looked at it. Only who may watch it
          sees it there.
        </p>
        <div className="fld exwhy">
          <label htmlFor={id}>What to look for</label>
          <textarea className="in" id={id} name="note" rows={3} maxLength={500} />
          <span className="help">It may stay empty.</span>
        </div>
        {ask.error && <Wrong error={ask.error} what="It is not in the queue." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={ask.isPending}>
            Mark for review
          </button>
        </div>
      </form>
    </Dialog>
  );
}
