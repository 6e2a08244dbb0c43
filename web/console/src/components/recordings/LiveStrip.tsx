import { Link } from "@tanstack/react-router";
import { useAllowed } from "../../api/session";
import type { RecordingItem } from "../../api/types";
import { formatClock, plural } from "../../lib/format";
import { panesSentence, sourceOf, whereLine } from "../../lib/recording";
import { useNow } from "../../lib/useNow";
import { Icon } from "../Icon";
import { Panes } from "../Panes";

/** The sessions that are going on now. */
export function LiveStrip({ items }: { items: readonly RecordingItem[] }) {
  if (items.length === 0) return null;
  return (
    <section className="lives" aria-label="Live now">
      {items.map((item) => (
        <LiveCard key={item.id} item={item} />
      ))}
    </section>
  );
}

function LiveCard({ item }: { item: RecordingItem }) {
  const now = useNow(1000);
  const mayFollow = useAllowed("recording.follow");
  const running = (now.getTime() - new Date(item.started_at).getTime()) * 1000;
  return (
    <article className="lv card">
      <header>
        <Icon name={sourceOf(item.source).icon} />
        <b className="cut">{item.subject.label}</b>
        <span className="tag live">
          <span className="dot live" />
          <span className="num">{formatClock(Math.max(running, item.duration_us))}</span>
          <span className="vh">live</span>
        </span>
      </header>
      <p className="small ink3 cut">{whereLine(item)}</p>
      <Panes className="strip" states={item.panes.slice(-34)} label={panesSentence(item)} />
      <footer>
        <span className="small ink2 cut num">{plural(item.segments, "segment")} sealed</span>
        {mayFollow ? (
          <Link
            className="b s"
            to="/recordings/$id"
            params={{ id: item.id }}
            search={{ follow: true }}
            aria-label={`Follow ${item.subject.label}`}
          >
            Follow
          </Link>
        ) : (
          <span className="small ink3">opens when it is over</span>
        )}
      </footer>
    </article>
  );
}
