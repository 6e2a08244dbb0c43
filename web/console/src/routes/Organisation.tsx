import { useAllowed, useSession } from "../api/session";
import { OrganisationEnd } from "../components/erasing/OrganisationEnd";
import { useTitle } from "../lib/useTitle";
import "../styles/security.css";

/** What the organisation is, and its end. */
export default function Organisation() {
  useTitle("Organisation");
  const { organisation } = useSession();
  const mayErase = useAllowed("organisation.erase");
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>{organisation.name}</h1>
          <p>
            Its data lies in <b>{organisation.region}</b>. Programs know it as <code>{organisation.id}</code>.
          </p>
        </div>
      </header>
      {mayErase ? (
        <OrganisationEnd />
      ) : (
        <p className="ink2">Those who may erase the organisation find that here.</p>
      )}
    </div>
  );
}
