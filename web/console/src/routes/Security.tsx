import { useQuery } from "@tanstack/react-query";
import { getFactor } from "../api/operations";
import { useSession } from "../api/session";
import { Icon } from "../components/Icon";
import { Loading, Trouble } from "../components/States";
import { FactorCard } from "../components/security/FactorCard";
import { PasswordCard } from "../components/security/PasswordCard";
import { useTitle } from "../lib/useTitle";
import "../styles/security.css";

/** What one signs in by: the password, and an authenticator app. */
export default function Security() {
  useTitle("Password and app");
  const mustEnrol = useSession().must_enrol;
  const factor = useQuery({ queryKey: ["factor"], queryFn: ({ signal }) => getFactor(signal) });
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>Password and app</h1>
          <p>What you sign in by. A change signs you out everywhere else.</p>
        </div>
      </header>
      {mustEnrol && (
        <p className="note attn must">
          <Icon name="warn" />
          <span>
            <b>Your role needs a second factor.</b> Set up an authenticator app; until then you can do nothing
            else here.
          </span>
        </p>
      )}
      {factor.isPending && <Loading />}
      {factor.error && !factor.data && (
        <Trouble error={factor.error} what="What you sign in by" retry={() => void factor.refetch()} slim />
      )}
      <div className="stack">
        {factor.data && <FactorCard since={factor.data.since} left={factor.data.recovery_codes} />}
        {!mustEnrol && <PasswordCard />}
      </div>
    </div>
  );
}
