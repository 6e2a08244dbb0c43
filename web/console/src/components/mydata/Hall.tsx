import { type CSSProperties, useMemo } from "react";
import type { MyRecording } from "../../api/types";
import { type Day, hallOf, heightOf, longWords, shortWords } from "../../lib/myData";

interface HallProps {
  recordings: readonly MyRecording[];
  now: Date;
  own: string;
  /** True where older ones are not among them. */
  partial: boolean;
}

/** Thirty windows: how much was captured each day, and how long somebody looked. */
export function Hall({ recordings, now, own, partial }: HallProps) {
  const days = useMemo(() => hallOf(recordings, now, own), [recordings, now, own]);
  const sum = (of: (day: Day) => number) => days.reduce((total, day) => total + of(day), 0);
  const [captured, watched] = [sum((day) => day.capturedUs), sum((day) => day.watchedUs)];
  const most = Math.max(...days.map((day) => Math.max(day.capturedUs, day.watchedUs)));
  return (
    <section className="hero" aria-label="Thirty days">
      <p className="read">
        {captured === 0 ? "In the last 30 days nothing of you was captured." : "In the last 30 days "}
        {captured > 0 && (
          <>
            <b className="num">{longWords(captured)}</b> of you {partial && "and more "}were captured. Of
            these, others looked at <b className="num lit-t">{watched === 0 ? "none" : longWords(watched)}</b>
            .
          </>
        )}
        {captured === 0 && watched > 0 && ` Others looked at ${longWords(watched)} that are older.`}
      </p>
      <p className="key small">
        <i className="k g" /> captured
        <i className="k l" /> looked at
        <i className="k n" /> nothing
      </p>
      <ol className="hall">
        {days.map((day, index) => (
          <Window key={day.key} day={day} most={most} named={index % 7 === 1 || index === days.length - 1} />
        ))}
      </ol>
    </section>
  );
}

function Window({ day, most, named }: { day: Day; most: number; named: boolean }) {
  const heights = {
    "--h": `${heightOf(day.capturedUs, most)}%`,
    "--w": `${heightOf(day.watchedUs, most)}%`,
  } as CSSProperties;
  const today = day.name === "Today";
  const classes = [day.capturedUs + day.watchedUs === 0 ? "off" : "", today ? "today" : ""].join(" ").trim();
  const captured = day.capturedUs === 0 ? "nothing captured" : `${longWords(day.capturedUs)} captured`;
  const watched = day.watchedUs === 0 ? "" : `, ${longWords(day.watchedUs)} watched`;
  const said = `${day.name} ${day.date}: ${captured}${watched}`;
  return (
    <li className={classes || undefined} title={said}>
      <span className="win" style={heights} role="img" aria-label={said}>
        <i />
        <b />
      </span>
      {day.watchedUs > 0 && (
        <em className="num" aria-hidden="true">
          {shortWords(day.watchedUs)}
        </em>
      )}
      {named && (
        <small className="num" aria-hidden="true">
          {today ? "today" : day.date}
        </small>
      )}
    </li>
  );
}
