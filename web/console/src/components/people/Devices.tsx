import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Device, listDevices } from "../../api/blocks";
import { ago, formatMoment } from "../../lib/format";
import { useNow } from "../../lib/useNow";
import { browserWords } from "../../lib/userAgent";
import { BlockDialog } from "../blocks/BlockDialog";
import { explain } from "../States";

/** The browsers somebody is signed in with, for whoever may block them. Looking is on record, so it is asked for. */
export function Devices({ person }: { person: string }) {
  const [shown, setShown] = useState(false);
  const [blocking, setBlocking] = useState<Device | null>(null);
  const now = useNow(30_000);
  const devices = useQuery({
    queryKey: ["devices", person],
    queryFn: ({ signal }) => listDevices(person, signal),
    enabled: shown,
  });
  if (!shown) {
    return (
      <p>
        <button type="button" className="b s" onClick={() => setShown(true)}>
          Where they are signed in
        </button>
      </p>
    );
  }
  return (
    <>
      {devices.error && (
        <p className="ink2">Where they are signed in could not be read. {explain(devices.error).lines[0]}</p>
      )}
      {devices.data?.items.length === 0 && <p className="ink2">They are signed in nowhere.</p>}
      <ul className="blocks">
        {devices.data?.items.map((device) => (
          <li key={device.session} className="note">
            <span className="grow">
              <b>{browserWords(device.user_agent)}</b>{" "}
              <span className="num">
                Signed in {formatMoment(device.signed_in_at)}, used {ago(device.last_used_at, now)}.
              </span>
            </span>
            {device.device !== null && (
              <button
                type="button"
                className="b s"
                aria-label={`Block ${browserWords(device.user_agent)}`}
                onClick={() => setBlocking(device)}
              >
                Block this browser…
              </button>
            )}
          </li>
        ))}
      </ul>
      {blocking && <BlockDialog place={blocking} onClose={() => setBlocking(null)} />}
    </>
  );
}
