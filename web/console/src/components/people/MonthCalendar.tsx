import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type CSSProperties, type KeyboardEvent, useRef, useState } from "react";
import { type CalendarDay, getCalendar } from "../../api/coaching";
import {
  dayByKey,
  dayName,
  dayOf,
  dayWords,
  monthBy,
  monthName,
  monthOf,
  WEEKDAYS,
  weeksOf,
} from "../../lib/calendar";
import { formatSpan, plural } from "../../lib/format";
import { heightOf } from "../../lib/myData";
import { Icon } from "../Icon";
import { Trouble } from "../States";
import "../../styles/calendar.css";

interface MonthCalendarProps {
  person: string;
  /** Whose days these are, as the table is called: `you` or a name. */
  whose: string;
}

/** A month of somebody's recordings, each day leading to them. Each month is read once: reading it is on record. */
export function MonthCalendar({ person, whose }: MonthCalendarProps) {
  const [today] = useState(() => new Date());
  const [month, setMonth] = useState(monthOf(today));
  const table = useRef<HTMLTableElement>(null);
  const calendar = useQuery({
    queryKey: ["calendar", person, month],
    queryFn: ({ signal }) => getCalendar(person, month, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const days = new Map((calendar.data?.days ?? []).map((day) => [day.day, day]));
  const most = Math.max(0, ...[...days.values()].map(({ recorded_ms }) => recorded_ms));
  const isNow = month === monthOf(today);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "PageUp") setMonth(monthBy(month, -1));
    else if (event.key === "PageDown" && !isNow) setMonth(monthBy(month, 1));
    else {
      const from = event.target instanceof HTMLElement ? event.target.dataset.day : undefined;
      const to = from === undefined ? null : dayByKey(event.key, from, [...days.keys()]);
      if (to === null) return;
      table.current?.querySelector<HTMLElement>(`[data-day="${to}"]`)?.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section className="cal" aria-label={`Calendar of ${whose}`}>
      <header className="row">
        <p className="calm grow" aria-live="polite">
          {monthName(month)}
        </p>
        <button
          type="button"
          className="ib s"
          aria-label="The month before"
          title="The month before  Page up"
          onClick={() => setMonth(monthBy(month, -1))}
        >
          <Icon name="back" small />
        </button>
        <button
          type="button"
          className="ib s"
          aria-label="The month after"
          title="The month after  Page down"
          disabled={isNow}
          onClick={() => setMonth(monthBy(month, 1))}
        >
          <Icon name="chevr" small />
        </button>
      </header>
      {calendar.error ? (
        <Trouble error={calendar.error} what="The calendar" retry={() => void calendar.refetch()} slim />
      ) : (
        <table className="days" ref={table} onKeyDown={onKeyDown} aria-busy={calendar.isPending}>
          <caption className="vh">
            Recordings of {whose} in {monthName(month)}, by days of UTC
          </caption>
          <thead>
            <tr className="micro">
              {WEEKDAYS.map((weekday) => (
                <th key={weekday} scope="col">
                  <abbr title={weekday}>{weekday.slice(0, 2)}</abbr>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weeksOf(month).map((week) => (
              <tr key={week.find((day) => day !== null)}>
                {week.map((day, at) =>
                  day === null ? (
                    <td key={WEEKDAYS[at]} className="other" />
                  ) : (
                    <td key={day} className={day === dayOf(today) ? "today" : undefined}>
                      <Cell day={day} has={days.get(day) ?? null} most={most} person={person} />
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {calendar.data && <p className="small ink2">{monthWords(calendar.data.days)}</p>}
    </section>
  );
}

interface CellProps {
  day: string;
  has: CalendarDay | null;
  most: number;
  person: string;
}

function Cell({ day, has, most, person }: CellProps) {
  const number = <span className="num dn">{Number(day.slice(8))}</span>;
  if (!has) return number;
  const height = { "--h": `${heightOf(has.recorded_ms, most)}%` } as CSSProperties;
  const { length, rest } = dayWords(has);
  return (
    <Link
      to="/recordings"
      search={{ person, day }}
      data-day={day}
      title={`${dayName(day)}, ${length}${rest}`}
      className={has.gaps_ms > 0 ? "holed" : undefined}
    >
      <i className="dw" style={height} />
      {number}
      <span className="vh"> {dayName(day).split(" ")[1]}, </span>
      <span className="micro num dl">{length}</span>
      <span className="vh">{rest}</span>
    </Link>
  );
}

/** The month in one sentence. */
function monthWords(days: readonly CalendarDay[]): string {
  if (days.length === 0) return "Nothing was recorded in this month.";
  const sum = (of: (day: CalendarDay) => number) => days.reduce((total, day) => total + of(day), 0);
  const gaps = sum((day) => day.gaps_ms);
  const missing =
    gaps > 0
      ? ` ${formatSpan(gaps * 1000)} are missing between, each for a reason that the player says.`
      : "";
  return `${plural(
    sum((day) => day.recordings),
    "recording",
  )} on ${plural(days.length, "day")}, ${formatSpan(sum((day) => day.recorded_ms) * 1000)} in all.${missing}`;
}
