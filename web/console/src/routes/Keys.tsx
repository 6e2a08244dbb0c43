import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type KeyItem, listKeys, type MadeKey } from "../api/keys";
import { useAllowed } from "../api/session";
import { ChangeKeyDialog } from "../components/keys/ChangeKeyDialog";
import { type KeyChange, KeyLine } from "../components/keys/KeyLine";
import { MakeKeyDialog } from "../components/keys/MakeKeyDialog";
import { ShowKeyDialog } from "../components/keys/ShowKeyDialog";
import { Empty, Loading, Trouble } from "../components/States";
import { byEnd } from "../lib/apiKeys";
import { useNow } from "../lib/useNow";
import { useTitle } from "../lib/useTitle";
import "../styles/people.css";
import "../styles/retention.css";
import "../styles/settings.css";

/** Keys by which programs come in: what each may do, and until when. */
export default function Keys() {
  useTitle("API keys");
  const now = useNow(60_000);
  const mayManage = useAllowed("key.manage");
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<MadeKey | null>(null);
  const [changing, setChanging] = useState<{ item: KeyItem; change: KeyChange } | null>(null);
  const keys = useQuery({ queryKey: ["keys"], queryFn: ({ signal }) => listKeys(signal) });
  const items = byEnd(keys.data?.items ?? [], now);
  const show = (key: MadeKey) => {
    setMaking(false);
    setChanging(null);
    setMade(key);
  };
  return (
    <div className="pagew narrow">
      <header className="ph1">
        <div className="grow">
          <h1>API keys</h1>
          <p>
            What programs come in by. Each does only what it was made for, never more than whoever made it,
            and ends by itself.
          </p>
        </div>
        {mayManage && keys.data && (
          <button type="button" className="b lead" onClick={() => setMaking(true)}>
            Make a key…
          </button>
        )}
      </header>
      {keys.isPending && <Loading />}
      {keys.error && !keys.data && (
        <Trouble error={keys.error} what="The keys" retry={() => void keys.refetch()} slim />
      )}
      {keys.isSuccess && items.length === 0 && (
        <Empty slim title="There are no keys">
          <p>No program reads anything here. Make a key where one has to, such as a monitor or a report.</p>
        </Empty>
      )}
      {items.length > 0 && (
        <ul className="card lines">
          {items.map((item) => (
            <KeyLine
              key={item.id}
              item={item}
              now={now}
              onChange={mayManage ? (change) => setChanging({ item, change }) : null}
            />
          ))}
        </ul>
      )}
      {making && keys.data && (
        <MakeKeyDialog scopes={keys.data.scopes} onClose={() => setMaking(false)} onMade={show} />
      )}
      {changing && <ChangeKeyDialog {...changing} onClose={() => setChanging(null)} onMade={show} />}
      {made && <ShowKeyDialog made={made} onClose={() => setMade(null)} />}
    </div>
  );
}
