import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { blockPlace, type Device, type NewPlace } from "../../api/blocks";
import { notify } from "../../lib/notices";
import { browserWords } from "../../lib/userAgent";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Wrong } from "../Wrong";

interface BlockDialogProps {
  /** The browser to block; a network is asked for where there is none. */
  place: Device | null;
  onClose: () => void;
}

/** Keeps out whoever comes from a network, or with a browser, said before it is done. */
export function BlockDialog({ place, onClose }: BlockDialogProps) {
  const id = useId();
  const block = useMutation({
    mutationFn: blockPlace,
    onSuccess: async () => {
      notify("It is blocked, and ends by itself.");
      await queryClient.invalidateQueries({ queryKey: ["blocks"] });
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (field: string) => String(form.get(field) ?? "").trim();
    const ends_at = new Date(Date.now() + Number(text("hours")) * 3_600_000).toISOString();
    const what: NewPlace = place === null ? { network: text("network") } : { session: place.session };
    block.mutate({ ...what, ends_at, reason: text("reason") });
  };
  return (
    <Dialog title={place === null ? "Block a network" : "Block this browser?"} isOpen onClose={onClose}>
      <form className="pform" onSubmit={submit}>
        {place === null ? (
          <div className="fld">
            <label htmlFor={`${id}-network`}>Address or network</label>
            <input
              className="in num"
              id={`${id}-network`}
              name="network"
              required
              maxLength={50}
              placeholder="203.0.113.0/24"
              autoComplete="off"
            />
            <span className="help">
              As the server sees it: an address, or an address and how many bits of it count.
            </span>
          </div>
        ) : (
          <p className="ink2">
            {browserWords(place.user_agent)}, called <code>{place.device}</code>: nobody signs in with it,
            until its data is cleared. Who is signed in with it goes on afterwards.
          </p>
        )}
        <div className="fld">
          <label htmlFor={`${id}-hours`}>For</label>
          <select className="in" id={`${id}-hours`} name="hours" defaultValue="24">
            <option value="1">an hour</option>
            <option value="24">a day</option>
            <option value="168">a week</option>
            <option value="720">30 days</option>
          </select>
        </div>
        <div className="fld">
          <label htmlFor={`${id}-reason`}>Why</label>
          <input className="in" id={`${id}-reason`} name="reason" required maxLength={500} />
        </div>
        {block.error && <Wrong error={block.error} what="Nothing is blocked by this." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b end" disabled={block.isPending}>
            Block it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
