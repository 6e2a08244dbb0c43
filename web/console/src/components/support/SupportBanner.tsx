import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { sessionQuery, useAllowed, useSession } from "../../api/session";
import { listSupport, type SupportItem, type SupportList } from "../../api/support";
import { formatTime } from "../../lib/format";
import { againIn, Riding } from "../../lib/riding";
import { mayWords, untilWords } from "../../lib/support";
import { useNow } from "../../lib/useNow";
import { Icon } from "../Icon";
import { explain } from "../States";
import { EndButton } from "./EndButton";
import "../../styles/support.css";

/** How often it is asked whether anybody is in. What a page asks by itself keeps no session from going idle. */
const WHETHER_MS = 30_000;
/** How often it is asked who is in, on the entry of the first asking. */
const WHO_MS = 15_000;

/** On every page while somebody from outside is in: to whoever may see that, and to themselves. */
export function SupportBanner() {
  const mayRead = useAllowed("support.read");
  const now = useNow(30_000);
  const whether = useWhether(mayRead);
  const who = useWho(mayRead ? whether.running : 0);
  const items = who.items.filter((item) => Date.parse(item.ends_at) > now.getTime());
  return (
    <div className="support-banner">
      <div role="status">
        {items.map((item) => (
          <One key={item.id} item={item} now={now} />
        ))}
      </div>
      {mayRead && whether.failure && (
        <Unknown what="Whether anybody from outside is in could not be asked." failure={whether.failure} />
      )}
      {who.failure && !whether.failure && (
        <Unknown
          what={
            items.length > 0
              ? "This may not be the newest."
              : "Somebody from outside is in, and who it is could not be read."
          }
          failure={who.failure}
        />
      )}
    </div>
  );
}

interface Failure {
  error: Error;
  /** When it is tried again by itself. Null where only a person does. */
  nextAt: Date | null;
  again: () => void;
}

/** How many are in. It comes with the session, which nothing is put on record for. */
function useWhether(mayRead: boolean): { running: number; failure: Failure | null } {
  const session = useQuery({
    ...sessionQuery,
    enabled: mayRead,
    refetchInterval: WHETHER_MS,
    refetchOnWindowFocus: true,
  });
  return {
    running: session.data?.support_running ?? 0,
    failure: session.error && {
      error: session.error,
      nextAt: new Date(session.errorUpdatedAt + WHETHER_MS),
      again: () => void session.refetch({ cancelRefetch: false }),
    },
  };
}

function useWho(running: number): { items: SupportItem[]; failure: Failure | null } {
  const riding = useMemo(() => new Riding<SupportList>(), []);
  const list = useQuery({
    queryKey: ["support", "running"],
    queryFn: ({ signal }) =>
      riding.page(null, (_, continues) => listSupport({ running: true, continues }, signal)),
    enabled: running > 0,
    refetchInterval: ({ state }) => againIn(WHO_MS, true, state.error),
  });
  if (running === 0) return { items: [], failure: null };
  const wait = againIn(WHO_MS, true, list.error);
  return {
    items: list.data?.items ?? [],
    failure: list.error && {
      error: list.error,
      nextAt: wait === false ? null : new Date(list.errorUpdatedAt + wait),
      again: () => void list.refetch(),
    },
  };
}

/** Said quietly: that nothing is shown does not mean that nobody is in. */
function Unknown({ what, failure: { error, nextAt, again } }: { what: string; failure: Failure }) {
  return (
    <p className="support-line unknown small ink2">
      <span className="grow">
        {what} {explain(error).lines[0]}
        {nextAt && (
          <>
            {" "}
            The next try is at <span className="num">{formatTime(nextAt.toISOString(), true)}</span>.
          </>
        )}
      </span>
      <button type="button" className="b s" onClick={again}>
        Try now
      </button>
    </p>
  );
}

function One({ item, now }: { item: SupportItem; now: Date }) {
  const { person, organisation } = useSession();
  const mayEnd = useAllowed("support.end");
  const until = <b className="num">{untilWords(item.ends_at, now)}</b>;
  const own = item.person.id === person.id;
  const where = item.node?.name ?? organisation.name;
  return (
    <section className="support-line">
      <Icon name="eye" />
      <p className="grow">
        {own ? (
          <>
            You are let in by {item.made_by.name} until {until}. In {where} you may {mayWords(item.rights)}.
            What you do is recorded, and shown to {organisation.name}.
          </>
        ) : (
          <>
            <b>{item.person.name}</b> is let in from outside until {until}, by {item.made_by.name}. In {where}{" "}
            they may {mayWords(item.rights)}.
          </>
        )}{" "}
        <Link className="link" to="/trust/support">
          {own ? "What is shown of you" : "See what they do"}
        </Link>
      </p>
      {mayEnd && !own && <EndButton item={item} />}
    </section>
  );
}
