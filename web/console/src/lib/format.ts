/** Numbers and times as the console writes them. Plain functions: no clock, no locale of the machine. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

const two = (n: number) => String(n).padStart(2, "0");

/** A time as a clock: `08:14`, `1:04:12`. */
export function formatClock(microseconds: number): string {
  const seconds = Math.max(0, Math.floor(microseconds / 1_000_000));
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = seconds % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

/** A duration in words, for labels that are read aloud: `8 min 14 s`, `1 h 4 min`. */
export function formatSpan(microseconds: number): string {
  const seconds = Math.max(0, Math.round(microseconds / 1_000_000));
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = seconds % 60;
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`;
  if (m > 0) return s > 0 ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

/** Bytes in decimal units, as disks count: `312 B`, `4.1 KB`, `38.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"] as const;
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = unit === 0 || value >= 99.95 ? String(Math.round(value)) : value.toFixed(1);
  return `${text} ${units[unit] ?? "B"}`;
}

/** A whole number with thousands set apart: `18,204`. */
export function formatCount(n: number): string {
  return String(Math.trunc(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** One of two words, with its number: `1 page`, `14 pages`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** Names with commas, at most three, and how many more. `more` says that the list itself goes on. */
export function namesOf(names: readonly string[], more = false): string {
  const shown = names.slice(0, 3);
  const left = names.length - shown.length;
  const rest = left > 0 ? [`${left} more${more ? " at least" : ""}`] : more ? ["others"] : [];
  const all = [...shown, ...rest];
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}

/** The wall clock of this machine: `14:52`, or `14:52:07` with seconds. */
export function formatTime(iso: string, seconds = false): string {
  const d = new Date(iso);
  const base = `${two(d.getHours())}:${two(d.getMinutes())}`;
  return seconds ? `${base}:${two(d.getSeconds())}` : base;
}

/** A date on this machine's calendar: `20 Nov 2026`. */
export function formatDate(iso: string): string {
  const d = new Date(iso);
  return `${d.getDate()} ${MONTHS[d.getMonth()] ?? ""} ${d.getFullYear()}`;
}

/** The zone of this machine's clock at a moment, as what it is ahead of UTC: `UTC`, `UTC+1`, `UTC−3:30`. */
export function zoneOf(iso: string): string {
  const minutes = -new Date(iso).getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const ahead = Math.abs(minutes);
  const rest = ahead % 60;
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(ahead / 60)}${rest > 0 ? `:${two(rest)}` : ""}`;
}

/** Date, time and the zone they are told in: `20 Nov 2026, 14:52:07 UTC+1`. */
export function formatMoment(iso: string): string {
  return `${formatDate(iso)}, ${formatTime(iso, true)} ${zoneOf(iso)}`;
}

export interface DayName {
  /** The same for all moments of one local day: what rows are grouped by. */
  key: string;
  name: string;
  date: string;
}

/** The day a moment fell on, as the list heads it: Today, Yesterday, or the weekday. */
export function dayOf(iso: string, now: Date): DayName {
  const d = new Date(iso);
  const start = (x: Date) => new Date(x.getFullYear(), x.getMonth(), x.getDate()).getTime();
  const days = Math.round((start(now) - start(d)) / 86_400_000);
  const weekday = WEEKDAYS[d.getDay()] ?? "";
  const date = `${d.getDate()} ${MONTHS[d.getMonth()] ?? ""}`;
  const key = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const sameYear = d.getFullYear() === now.getFullYear();
  const full = sameYear ? date : `${date} ${d.getFullYear()}`;
  if (days === 0) return { key, name: "Today", date: `${weekday} ${full}` };
  if (days === 1) return { key, name: "Yesterday", date: `${weekday} ${full}` };
  return { key, name: weekday, date: full };
}

/** How long ago, in the largest fitting unit: `just now`, `12 s ago`, `3 d ago`. */
export function ago(iso: string, now: Date): string {
  const seconds = Math.floor((now.getTime() - new Date(iso).getTime()) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export interface Left {
  text: string;
  /** Less than two weeks: copper, because somebody may have to decide. */
  soon: boolean;
}

/** How long something is still kept: whole days, then hours. */
export function timeLeft(until: string | null, now: Date): Left {
  if (until === null) return { text: "no end set", soon: false };
  const ms = new Date(until).getTime() - now.getTime();
  if (ms <= 0) return { text: "ended", soon: true };
  const days = Math.floor(ms / 86_400_000);
  if (days < 1) return { text: `${Math.max(1, Math.floor(ms / 3_600_000))} h`, soon: true };
  return { text: `${days} d`, soon: days < 14 };
}

/** An id, hash or key shortened in its middle, for where the whole stands elsewhere: `trk_8f2e…41ab`. */
export function shorten(text: string, head = 8, tail = 4): string {
  return text.length <= head + tail + 1 ? text : `${text.slice(0, head)}…${text.slice(-tail)}`;
}
