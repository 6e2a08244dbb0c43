import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { enterRequest } from "../../api/operations";
import { KINDS, type Kind, kindName } from "../../lib/requests";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Wrong } from "../Wrong";
import "../../styles/erasing.css";

/** Enters what somebody asked for who cannot ask here themselves. */
export function EnterDialog({ onClose }: { onClose: () => void }) {
  const [subject, setSubject] = useState("");
  const [kind, setKind] = useState<Kind>("access");
  const [words, setWords] = useState("");
  const enter = useMutation({
    mutationFn: () =>
      enterRequest({
        subject: subject.trim(),
        kind,
        ...(words.trim() === "" ? {} : { words: words.trim() }),
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["requests"] });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    enter.mutate();
  };
  return (
    <Dialog title="Enter a request" isOpen onClose={onClose}>
      <form className="erasing" onSubmit={submit}>
        <label className="fld">
          <span className="lab">About whom</span>
          <input
            className="in"
            value={subject}
            required
            pattern="\s*sub_[0-9a-f]{32}\s*"
            placeholder="sub_…"
            autoComplete="off"
            onChange={(event) => setSubject(event.target.value)}
          />
          <span className="help">The id of the visitor. The receipt of an erasure and the API name it.</span>
        </label>
        <label className="fld">
          <span className="lab">What they ask for</span>
          <select className="in" value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
            {KINDS.map((known) => (
              <option key={known} value={known}>
                {kindName(known)}
              </option>
            ))}
          </select>
        </label>
        <label className="fld">
          <span className="lab">How it came</span>
          <textarea
            className="in"
            rows={3}
            value={words}
            maxLength={2000}
            placeholder="By letter of 3 May"
            onChange={(event) => setWords(event.target.value)}
          />
        </label>
        {enter.error && <Wrong error={enter.error} what="Nothing was entered." />}
        <div className="actions">
          <button type="button" className="b" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="b lead" disabled={enter.isPending}>
            Enter it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
