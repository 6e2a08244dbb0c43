/** What is said about the picture of a recording, and which of its addresses is used. */
import type { RecordingItem } from "../api/types";
import { formatClock } from "./format";
import { isErased, sourceOf } from "./recording";

type Pictured = Pick<
  RecordingItem,
  "source" | "state" | "subject" | "duration_us" | "preview" | "preview_state" | "preview_why"
>;

/** An address opens for ten minutes; before that is over, the newer one is taken. */
const GOOD_MS = 8 * 60_000;

export interface Address {
  url: string;
  takenAt: number;
}

/**
 * The address to show. A list that refreshes itself brings another one each time: the first is kept as long as it is
 * good, so that nothing is fetched and drawn again for it.
 */
export function addressOf(url: string | null, before: Address | null, now: number): Address | null {
  if (url === null) return null;
  return before !== null && now - before.takenAt < GOOD_MS ? before : { url, takenAt: now };
}

/** What the picture shows, for whoever does not see it. */
export function previewAlt({ source, subject, duration_us }: Pictured): string {
  const what = source === "screen" ? "the screen" : sourceOf(source).short.toLowerCase();
  return `A first look at ${what} of ${subject.label}, ${formatClock(duration_us)} long`;
}

/** Why there is no picture, short and in full; null where none is expected. */
export function noPreview(item: Pictured): { short: string; long: string } | null {
  if (item.preview) return null;
  if (isErased(item)) return { short: "Erased", long: "It is erased, and its pictures with it." };
  const why = item.preview_why ? ` ${item.preview_why}` : "";
  switch (item.preview_state) {
    case "waiting":
      return {
        short: "Being made",
        long: "Its picture is being made, in a place of its own without a network.",
      };
    case "failed":
      return { short: "No picture", long: `No picture could be made of it; the recording plays.${why}` };
    case "unavailable":
      return {
        short: "No ffmpeg",
        long: `The server has no ffmpeg, which makes the pictures. Whoever runs it installs the package.${why}`,
      };
    case "made":
      return {
        short: "Not shown",
        long: "It has pictures, and you may not see them here. Open it to watch.",
      };
    default:
      return null;
  }
}
