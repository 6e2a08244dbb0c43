/** Lanes of the timeline: what was said, and the parts that were cut out or are being marked. */
import type { Clip, Comment } from "../../api/coaching";
import { threadsOf } from "../../components/comments/threads";
import { percent, placed, stack } from "../../components/timeline/scale";
import type { TimelineLane } from "../../components/timeline/Timeline";
import { formatClock, formatCount, plural } from "../../lib/format";
import { type Marked, partOf } from "../clip";

interface LaneProps {
  durationUs: number;
  /** Null while nothing is open. */
  onSeek: ((ms: number) => void) | null;
}

/** Every comment at its moment. The list beside the picture says the same to the keyboard. */
export function commentsLane(comments: readonly Comment[], { durationUs, onSeek }: LaneProps): TimelineLane {
  const threads = threadsOf(comments);
  return {
    id: "comments",
    icon: "comment",
    name: "Comments",
    count: formatCount(comments.length),
    state: "none",
    label:
      comments.length === 0
        ? "Nobody has said anything."
        : `${plural(comments.length, "comment")}; the list of comments has them.`,
    height: "s",
    children: threads.map(({ first }) => (
      <button
        key={first.id}
        type="button"
        tabIndex={-1}
        className={first.to_ms === null ? "cmk" : "cmk long"}
        disabled={onSeek === null}
        style={
          first.to_ms === null
            ? { left: percent(first.at_ms * 1000, durationUs) }
            : placed(first.at_ms * 1000, first.to_ms * 1000, durationUs)
        }
        title={`${first.author.name}, ${formatClock(first.at_ms * 1000)}: ${first.text.slice(0, 120)}`}
        onClick={() => onSeek?.(first.at_ms)}
      />
    )),
  };
}

/** The clips as bars, and the part that is being marked. */
export function clipsLane(
  clips: readonly Clip[],
  marked: Marked,
  { durationUs, onSeek }: LaneProps,
): TimelineLane {
  const spans = clips.map((clip) => ({ clip, from_us: clip.from_ms * 1000, to_us: clip.to_ms * 1000 }));
  const part = partOf(marked);
  return {
    id: "clips",
    icon: "cut",
    name: "Clips",
    count: formatCount(clips.length),
    state: "none",
    label: `${plural(clips.length, "clip")}${part ? ", and a part is marked" : ""}.`,
    height: "s",
    children: (
      <>
        {stack(spans, 2).map(({ clip, from_us, to_us, row }) => (
          <button
            key={clip.id}
            type="button"
            tabIndex={-1}
            className={row === 1 ? "clb row1" : "clb"}
            disabled={onSeek === null}
            style={placed(from_us, to_us, durationUs)}
            title={`${clip.title}, ${formatClock(from_us)} to ${formatClock(to_us)}`}
            onClick={() => onSeek?.(clip.from_ms)}
          />
        ))}
        {part && <i className="mkp" style={placed(part.from_ms * 1000, part.to_ms * 1000, durationUs)} />}
        {[marked.fromMs, marked.toMs].map(
          (ms, n) =>
            ms !== null && (
              <i
                key={n === 0 ? "from" : "to"}
                className="mke"
                style={{ left: percent(ms * 1000, durationUs) }}
              />
            ),
        )}
      </>
    ),
  };
}
