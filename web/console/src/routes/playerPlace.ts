import { getRouteApi } from "@tanstack/react-router";

const route = getRouteApi("/shell/recordings/$id");

export interface Place {
  /** The recording's id, as in the address. */
  id: string;
  /** The moment the address points at, in milliseconds from the start; null where it names none. */
  t: number | null;
  /** Follow it while it happens. */
  follow: boolean;
  /** What stands beside the picture. */
  side: "events" | "comments" | "clips";
  /** The clip that is played alone, or null. */
  clip: string | null;
  /** The playlist it is played from, and which of its items this is; null where it is from none. */
  from: { list: string; item: number } | null;
}

/** Where the address says the player stands: the recording and the moment. */
export function usePlace(): Place {
  const { id } = route.useParams();
  const { t, follow, side, clip, list, item } = route.useSearch();
  return {
    id,
    t: t ?? null,
    follow: follow ?? false,
    side: side ?? "events",
    clip: clip ?? null,
    from: list !== undefined && item !== undefined ? { list, item } : null,
  };
}
