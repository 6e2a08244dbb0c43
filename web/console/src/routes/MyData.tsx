import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { getMyData } from "../api/operations";
import { MAY, useAllowed, useSession } from "../api/session";
import type { MyData as Answer, Session } from "../api/types";
import { Icon } from "../components/Icon";
import { Captured } from "../components/mydata/Captured";
import { Hall } from "../components/mydata/Hall";
import { Looks } from "../components/mydata/Looks";
import { MyRecorders } from "../components/mydata/MyRecorders";
import { MyRequests } from "../components/mydata/MyRequests";
import { PictureShown } from "../components/mydata/PictureShown";
import { Watching } from "../components/mydata/Watching";
import { MonthCalendar } from "../components/people/MonthCalendar";
import { PictureField } from "../components/people/PictureField";
import { explain, Loading, Trouble } from "../components/States";
import { looksOf, watchingNow } from "../lib/myData";
import { againIn, Riding } from "../lib/riding";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/my-data.css";
import "../styles/people.css";

/** Asked again this often, on the entry of the first asking: whoever begins to watch is seen while they do. */
const EVERY_MS = 5_000;

/** What is kept about whoever is signed in, how long, and who looked. */
export default function MyData() {
  useTitle("My data");
  const { person, organisation } = useSession();
  const now = useNow(60_000);
  const data = useMyData();
  const pages = data.data?.pages;
  const recordings = useMemo(() => (pages ?? []).flatMap((page) => page.recordings), [pages]);
  const looks = useMemo(() => looksOf(recordings), [recordings]);
  const mayComment = useAllowed(MAY.comment);
  const mayList = useAllowed("recording.list");
  const mayOpen = useSession().allowed.includes("recording.play");
  return (
    <div className="md">
      <Watching looks={watchingNow(looks, person.id)} mayOpen={mayOpen} />
      <h1>What Clerestory keeps about you, {person.name.split(" ")[0]}</h1>
      {data.isPending && <Loading />}
      {data.error && !data.data && (
        <Trouble error={data.error} what="What is kept about you" retry={() => void data.refetch()} slim />
      )}
      {data.error && data.data && (
        <p className="note attn" role="status">
          <Icon name="warn" />
          <span>This page is not the newest: {explain(data.error).lines[0]} It is asked for again.</span>
        </p>
      )}
      {data.data && (
        <>
          <Hall recordings={recordings} now={now} own={person.id} partial={data.hasNextPage} />
          <div className="two">
            <Looks
              looks={looks}
              refused={pages?.flatMap((page) => page.refused) ?? []}
              own={person.id}
              mayOpen={mayOpen}
            />
            <div className="side">
              {recordings.length > 0 ? (
                <Captured
                  organisation={organisation.name}
                  recordings={recordings}
                  now={now}
                  mayOpen={mayOpen}
                  mayComment={mayComment}
                />
              ) : (
                <NothingCaptured />
              )}
              {data.hasNextPage && (
                <button
                  type="button"
                  className="b"
                  disabled={data.isFetchingNextPage}
                  onClick={() => void data.fetchNextPage()}
                >
                  Show older ones
                </button>
              )}
              {mayList && (
                <section className="card calcard">
                  <div className="sh">
                    <h2 className="grow">Day by day</h2>
                  </div>
                  <MonthCalendar person={person.id} whose="you" />
                </section>
              )}
              <MyRecorders person={person.id} />
              <MyRequests />
              <Account person={person} />
            </div>
          </div>
        </>
      )}
    </div>
  );
}

function useMyData() {
  const riding = useMemo(() => new Riding<Answer>(), []);
  return useInfiniteQuery({
    queryKey: ["my-data"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      riding.page(pageParam, (cursor, continues) => getMyData({ cursor, continues }, signal)),
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: ({ state }) =>
      againIn(EVERY_MS * (state.data?.pages.length ?? 1), state.data !== undefined, state.error),
  });
}

function NothingCaptured() {
  return (
    <section className="card captured">
      <div className="sh">
        <h2 className="grow">What is kept</h2>
      </div>
      <p className="pad ink2">
        Nothing that was captured shows you. As soon as something does, it stands here with its reason and
        with the day on which it goes.
      </p>
    </section>
  );
}

function Account({ person }: { person: Session["person"] }) {
  return (
    <section className="card account">
      <div className="sh">
        <h2 className="grow">Your account</h2>
      </div>
      <PictureField person={person} own />
      <PictureShown person={person.id} />
      <dl className="pad">
        <dt>Name</dt>
        <dd>{person.name}</dd>
        <dt>Address</dt>
        <dd>{person.email}</dd>
        <dt>Role</dt>
        <dd>{person.role}</dd>
      </dl>
      <p className="small ink2 why2">
        Kept sealed under a key of yours, for as long as you have the account.{" "}
        <Link className="link" to="/settings/sessions">
          Where you are signed in
        </Link>
      </p>
    </section>
  );
}
