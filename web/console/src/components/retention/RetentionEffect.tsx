import type { RetentionPreview } from "../../api/keeping";
import { formatCount } from "../../lib/format";
import { duePanes, dueSentence } from "../../lib/retention";
import { Icon } from "../Icon";
import { Panes } from "../Panes";

interface RetentionEffectProps {
  before: string;
  /** Null where nothing is said any more. */
  after: string | null;
  shorter: boolean;
  /** Recordings that would be due at once; null where only the server's own count, later, tells. */
  due: number | null;
  next: RetentionPreview["next"];
  /** True where more were due when it was to be said than had been shown. */
  recounted: boolean;
}

/** What another time would do, before it is said: what goes at once, and what falls due in the next thirty days. */
export function RetentionEffect({ before, after, shorter, due, next, recounted }: RetentionEffectProps) {
  return (
    <div className="effect">
      <p>
        <b>{before}</b> <Icon name="chevr" small /> <b>{after ?? "what holds above"}</b>
      </p>
      {recounted && (
        <p className="note attn" role="alert">
          <Icon name="warn" />
          <span>
            It was counted again, and more is older than that than was shown. Nothing was changed yet.
          </span>
        </p>
      )}
      {due === null ? (
        <p className="note">
          <Icon name="question" />
          <span>If this erases anything, you are told how much and asked once more.</span>
        </p>
      ) : (
        <p className={due > 0 ? "note danger" : "note"}>
          <Icon name={due > 0 ? "warn" : "check"} />
          <span>{dueSentence(due)}</span>
        </p>
      )}
      {next.length > 0 && <NextDays next={next} />}
      {!shorter && after !== null && (
        <p className="small ink2">A longer time brings nothing back that is queued to be erased.</p>
      )}
    </div>
  );
}

function NextDays({ next }: { next: RetentionPreview["next"] }) {
  const panes = duePanes(next);
  const sum = (which: "now" | "then") => next.reduce((total, day) => total + day[which], 0);
  return (
    <dl className="next-days">
      <dt>Due in 30 days, as it is</dt>
      <dd>
        <Panes className="strip" states={panes.now} />
        <b className="num">{formatCount(sum("now"))}</b>
      </dd>
      <dt>As it would be</dt>
      <dd>
        <Panes className="strip" states={panes.then} />
        <b className="num">{formatCount(sum("then"))}</b>
      </dd>
    </dl>
  );
}
