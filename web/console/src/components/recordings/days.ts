import type { RecordingItem } from "../../api/types";
import { dayOf } from "../../lib/format";

export interface Group {
  key: string;
  name: string;
  date: string;
  items: RecordingItem[];
}

/** Recordings under the day they began on, in the order the list has. */
export function byDay(items: readonly RecordingItem[], now: Date): Group[] {
  const groups: Group[] = [];
  for (const item of items) {
    const day = dayOf(item.started_at, now);
    const last = groups.at(-1);
    if (last?.key === day.key) last.items.push(item);
    else groups.push({ ...day, items: [item] });
  }
  return groups;
}
