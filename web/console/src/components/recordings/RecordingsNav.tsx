import { Link } from "@tanstack/react-router";
import { MAY, useAllowed } from "../../api/session";

/** The places beside the list of recordings. It is not there for whoever has none but the list. */
export function RecordingsNav() {
  const mayReview = useAllowed(MAY.reviews);
  const mayList = useAllowed(MAY.playlists);
  if (!mayReview && !mayList) return null;
  const current = { activeProps: { "aria-current": "page" } } as const;
  return (
    <nav className="sub" aria-label="Recordings">
      <Link to="/recordings" activeOptions={{ exact: true, includeSearch: false }} {...current}>
        All recordings
      </Link>
      {mayReview && (
        <Link to="/recordings/review" search={{}} activeOptions={{ includeSearch: false }} {...current}>
          Review queue
        </Link>
      )}
      {mayList && (
        <Link to="/recordings/playlists" {...current}>
          Playlists
        </Link>
      )}
    </nav>
  );
}
