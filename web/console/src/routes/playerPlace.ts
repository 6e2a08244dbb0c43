import { getRouteApi } from "@tanstack/react-router";

const route = getRouteApi("/shell/recordings/$id");

export interface Place {
  /** The recording's id, as in the address. */
  id: string;
  /** The moment the address points at, in milliseconds from the start; null where it names none. */
  t: number | null;
  /** Follow it while it happens. */
  follow: boolean;
}

/** Where the address says the player stands: the recording and the moment. */
export function usePlace(): Place {
  const { id } = route.useParams();
  const { t, follow } = route.useSearch();
  return {
    id,
    t: t ?? null,
    follow: follow ?? false,
  };
}
