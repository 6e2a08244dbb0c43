import { useState } from "react";
import { MonthCalendar } from "./MonthCalendar";

/** On which days somebody was recorded. Looking is on record, so it is asked for. */
export function Days({ person, name }: { person: string; name: string }) {
  const [shown, setShown] = useState(false);
  if (shown) return <MonthCalendar person={person} whose={name} />;
  return (
    <p>
      <button type="button" className="b s" onClick={() => setShown(true)}>
        On which days they were recorded
      </button>
    </p>
  );
}
