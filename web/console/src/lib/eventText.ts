/** Recorded events as short lines of JSON, for reading beside their sealed bytes. */

const MOST_LINES = 60;
const LONGEST = 160;

/** One line an event, each cut to a readable length; the last line says how many more there are. */
export function eventLines(events: readonly { type: number; timestamp: number }[]): string[] {
  const lines = events.slice(0, MOST_LINES).map((event) => {
    const text = JSON.stringify(event);
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}… ${text.length} characters` : text;
  });
  if (events.length > MOST_LINES) lines.push(`and ${events.length - MOST_LINES} more`);
  return lines;
}
