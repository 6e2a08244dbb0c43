import { useState } from "react";
import { RecorderList } from "../recorders/RecorderList";

/** The browsers that record somebody's screen, for whoever may end them. Looking is on record, so it is asked for. */
export function Recorders({ person }: { person: string }) {
  const [shown, setShown] = useState(false);
  if (shown) return <RecorderList person={person} none="No browser records their screen." />;
  return (
    <p>
      <button type="button" className="b s" onClick={() => setShown(true)}>
        Which browsers record their screen
      </button>
    </p>
  );
}
