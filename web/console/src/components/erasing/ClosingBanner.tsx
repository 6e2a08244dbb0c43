import { Link } from "@tanstack/react-router";
import { useAllowed, useSession } from "../../api/session";
import { formatMoment } from "../../lib/format";
import { Icon } from "../Icon";
import "../../styles/erasing.css";

/** On every page while the organisation is closing: until when everybody has what is theirs, and the way to it. */
export function ClosingBanner() {
  const { closes_at } = useSession().organisation;
  const mayKeep = useAllowed("organisation.erase");
  if (closes_at === null) return null;
  return (
    <div className="closing-line" role="status">
      <Icon name="erase" />
      <p className="grow">
        This organisation is closing. Nothing new is recorded, and everything it has is erased on{" "}
        <b className="num">{formatMoment(closes_at)}</b>.
      </p>
      <Link className="b s" to="/my-data">
        Take with you what is yours
      </Link>
      {mayKeep && (
        <Link className="b s" to="/settings/organisation">
          Keep it…
        </Link>
      )}
    </div>
  );
}
