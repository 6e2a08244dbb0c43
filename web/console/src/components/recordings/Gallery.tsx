import { Link } from "@tanstack/react-router";
import { useAllowed } from "../../api/session";
import type { RecordingItem } from "../../api/types";
import { formatClock, formatTime } from "../../lib/format";
import { useKeyHelp } from "../../lib/keyHelp";
import { useKeys } from "../../lib/keys";
import { dayLine, isErased, panesSentence, sourceOf } from "../../lib/recording";
import { moveRow } from "../../lib/rows";
import { useNow } from "../../lib/useNow";
import { Icon } from "../Icon";
import { Panes } from "../Panes";
import { byDay } from "./days";
import type { ListProps } from "./ListView";
import { PreviewPicture } from "./PreviewPicture";

const help = {
  title: "Recordings",
  lines: [
    { keys: ["J", "K"], does: "Next and previous recording" },
    { keys: ["Enter"], does: "Open it" },
    { keys: ["F"], does: "Change the sentence" },
  ],
};

/** The same list as pictures, by days. */
export function Gallery({ items, day, onSentence }: ListProps) {
  const now = useNow(60_000);
  useKeyHelp(help);
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), " ": () => moveRow(1), f: onSentence });
  return byDay(items, now).map((group) => (
    <section key={group.key} aria-label={`${group.name} ${group.date}`}>
      <h2 className="day">
        {group.name} <span>{group.date}</span>
      </h2>
      <ol className="gal">
        {group.items.map((item) => (
          <Tile key={item.id} item={item} day={day} />
        ))}
      </ol>
    </section>
  ));
}

function Tile({ item, day }: { item: RecordingItem; day: string | null }) {
  const mayFollow = useAllowed("recording.follow");
  return (
    <li>
      <Link
        className={isErased(item) ? "gt gone" : "gt"}
        to="/recordings/$id"
        params={{ id: item.id }}
        search={item.live && mayFollow ? { follow: true } : {}}
        data-row={item.id}
      >
        <span className="gp">
          <PreviewPicture item={item} words />
          <span className="gl num">{formatClock(item.duration_us)}</span>
          {item.live && (
            <span className="tag live">
              <span className="dot live" />
              Live
            </span>
          )}
        </span>
        <Panes className="strip" states={item.panes} label={panesSentence(item)} />
        <span className="row">
          <Icon name={sourceOf(item.source).icon} small />
          <b className="cut grow">{item.subject.label}</b>
          <span className="small ink3 num">{formatTime(item.started_at)}</span>
        </span>
        <span className="small ink3 cut">{dayLine(item, day)}</span>
      </Link>
    </li>
  );
}
