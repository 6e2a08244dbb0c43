import { getRouteApi } from "@tanstack/react-router";

const route = getRouteApi("/shell/recordings/$id");

export interface Place {
  /** The recording's id, as in the address. */
  id: string;
  /** The moment the address points at, in milliseconds from the start; null where it names none. */
  t: number | null;
  /** Follow it while it happens. */
  follow: boolean;
  /** Writes the moment into the address without a new history entry. */
  setT: (milliseconds: number | null) => void;
}

/** Where the address says the player stands: the recording and the moment. */
export function usePlace(): Place {
  const { id } = route.useParams();
  const { t, follow } = route.useSearch();
  const navigate = route.useNavigate();
  return {
    id,
    t: t ?? null,
    follow: follow ?? false,
    setT: (milliseconds) => {
      void navigate({
        replace: true,
        search: (old) => {
          const { t: _gone, ...rest } = old;
          return milliseconds === null ? rest : { ...rest, t: Math.round(milliseconds) };
        },
      });
    },
  };
}
