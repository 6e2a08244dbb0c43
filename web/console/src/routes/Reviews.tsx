import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { endReview, listReviews, type Review, type ReviewState, setReview } from "../api/coaching";
import { useSession } from "../api/session";
import { Icon } from "../components/Icon";
import { Person } from "../components/Person";
import { RecordingsNav } from "../components/recordings/RecordingsNav";
import { Empty, Loading, Trouble } from "../components/States";
import { ago, formatClock, formatDate, formatMoment, plural } from "../lib/format";
import { useKeyHelp } from "../lib/keyHelp";
import { useKeys } from "../lib/keys";
import { later } from "../lib/later";
import { lapse } from "../lib/notices";
import { sourceOf } from "../lib/recording";
import { moveRow } from "../lib/rows";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import { queryClient } from "../queryClient";
import "../styles/playlists.css";

const route = getRouteApi("/shell/recordings/review");
const help = {
  title: "Review queue",
  lines: [
    { keys: ["J", "K"], does: "Next and previous recording" },
    { keys: ["Enter"], does: "Open it" },
  ],
};

/** What somebody asked to look at, and what was looked at. */
export default function Reviews() {
  useTitle("Review queue");
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) });
  const { state = "waiting" } = route.useSearch();
  const navigate = route.useNavigate();
  const see = (search: { state?: "done" }) => {
    // What was just said of one shows in the other list: it is sent before that is looked at.
    lapse();
    void navigate({ search, replace: true });
  };
  const list = useInfiniteQuery({
    queryKey: ["reviews", state],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => listReviews({ state, cursor: pageParam }, signal),
    getNextPageParam: (last) => last.next,
  });
  const { items, hide, show } = useShown(list.data?.pages.flatMap((page) => page.items) ?? []);
  // Who reviewed it, and when, cannot be brought back by saying so again: nothing is sent while there is a way back.
  const set = (review: Review, to: ReviewState) =>
    later({
      said: `The recording of ${review.recording.subject.label} ${to === "done" ? "is reviewed" : "waits again"}.`,
      failed: "The queue stays as it was.",
      hide: () => hide(review),
      show: () => show(review),
      // Without a note: the one that is there stays, which may be another by now.
      act: () => setReview(review.recording.id, { state: to }).then(() => again(review.recording.id)),
    });
  const end = (review: Review) =>
    later({
      said: `The recording of ${review.recording.subject.label} is off the queue.`,
      failed: "It is still in the queue.",
      hide: () => hide(review),
      show: () => show(review),
      act: () => endReview(review.recording.id).then(() => again(review.recording.id)),
    });
  return (
    <>
      <RecordingsNav />
      <div className="pagew narrow">
        <header className="ph1">
          <div className="grow">
            <h1>Review queue</h1>
            <p>Recordings somebody is to look at. It holds only those that you may watch.</p>
          </div>
          <fieldset className="seg" aria-label="Which">
            <button type="button" aria-pressed={state === "waiting"} onClick={() => see({})}>
              Waiting
            </button>
            <button type="button" aria-pressed={state === "done"} onClick={() => see({ state: "done" })}>
              Reviewed
            </button>
          </fieldset>
        </header>
        {list.isPending && <Loading />}
        {list.error && !list.data && (
          <Trouble error={list.error} what="The queue" retry={() => void list.refetch()} slim />
        )}
        {list.isSuccess && items.length === 0 && !list.hasNextPage && <Nothing state={state} />}
        {items.length > 0 && (
          <ol className="card queue" aria-label={plural(items.length, "recording")}>
            {items.map((review) => (
              <One
                key={review.recording.id}
                review={review}
                onSet={(to) => set(review, to)}
                onEnd={() => end(review)}
              />
            ))}
          </ol>
        )}
        {list.hasNextPage && (
          <p className="row more">
            <button
              type="button"
              className="b"
              disabled={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              Show more
            </button>
          </p>
        )}
      </div>
    </>
  );
}

const again = (recording: string) =>
  Promise.all([
    queryClient.invalidateQueries({ queryKey: ["reviews"] }),
    queryClient.invalidateQueries({ queryKey: ["review", recording] }),
  ]).then(() => undefined);

/** A line of the queue: a recording that comes onto it again has another. */
const lineOf = ({ recording, state, asked_at, done_at }: Review): string =>
  [recording.id, state, done_at ?? asked_at].join(" ");

/** The queue without what was just taken off it. */
function useShown(all: readonly Review[]) {
  const [hidden, setHidden] = useState<readonly string[]>([]);
  return {
    items: all.filter((review) => !hidden.includes(lineOf(review))),
    hide: (review: Review) => setHidden((before) => [...before, lineOf(review)]),
    show: (review: Review) => setHidden((before) => before.filter((other) => other !== lineOf(review))),
  };
}

interface OneProps {
  review: Review;
  onSet: (to: ReviewState) => void;
  onEnd: () => void;
}

function One({ review, onSet, onEnd }: OneProps) {
  const now = useNow(60_000);
  const { person } = useSession();
  const { recording, state, note } = review;
  // Whom it is about may ask for a review, and take back that they asked; everything else is for others to say.
  const isMine = recording.subject.person === person.id;
  const mayEnd = !isMine || (state === "waiting" && review.asked_by?.id === person.id);
  const of = recording.subject.label;
  return (
    <li>
      <Icon name={sourceOf(recording.source).icon} />
      <div className="grow">
        <Link
          className="ql"
          to="/recordings/$id"
          params={{ id: recording.id }}
          search={{}}
          data-row={recording.id}
        >
          <b className="cut">{of}</b>
          <span className="small ink3 num">
            {sourceOf(recording.source).short}, {formatDate(recording.started_at)},{" "}
            {formatClock(recording.duration_us)}
          </span>
        </Link>
        {note !== null && <p className="qn">“{note}”</p>}
        <p className="small ink3 row">
          <By review={review} now={now} />
        </p>
      </div>
      <span className="row qacts">
        {state === "waiting" && !isMine && (
          <button
            type="button"
            className="b s"
            aria-label={`Reviewed: the recording of ${of}`}
            onClick={() => onSet("done")}
          >
            <Icon name="check" small />
            Reviewed
          </button>
        )}
        {state === "done" && !isMine && (
          <button
            type="button"
            className="b s"
            aria-label={`Wait again: the recording of ${of}`}
            onClick={() => onSet("waiting")}
          >
            Wait again
          </button>
        )}
        {mayEnd && (
          <button
            type="button"
            className="ib s"
            aria-label={`Take the recording of ${of} off the queue`}
            title="Take it off the queue; the recording stays"
            onClick={onEnd}
          >
            <Icon name="close" small />
          </button>
        )}
      </span>
    </li>
  );
}

function By({ review, now }: { review: Review; now: Date }) {
  const { state, asked_by, asked_at, done_by, done_at } = review;
  const done = state === "done";
  const [who, when] = done ? [done_by, done_at ?? asked_at] : [asked_by, asked_at];
  return (
    <>
      {who && <Person person={who} />}
      <span className="num" title={formatMoment(when)}>
        {done ? "Reviewed" : "Asked for"} {who ? `by ${who.name}, ` : ""}
        {ago(when, now)}
      </span>
    </>
  );
}

function Nothing({ state }: { state: ReviewState }) {
  if (state === "done") {
    return (
      <Empty title="Nothing was reviewed yet" slim>
        <p>As soon as somebody presses Reviewed, the recording stands here.</p>
      </Empty>
    );
  }
  return (
    <Empty
      title="Nothing waits for a review"
      slim
      actions={
        <Link className="b lead" to="/recordings" search={{}}>
          Go to Recordings
        </Link>
      }
    >
      <p>Open a recording and press the flag at its top: it stands here until somebody has looked at it.</p>
    </Empty>
  );
}
