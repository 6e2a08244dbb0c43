import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { previewRetention } from "../../api/keeping";
import { saySetting } from "../../api/operations";
import type { SettingItem } from "../../api/types";
import { classOf, daysOf, keptWords, readKept, shortens, toldDue } from "../../lib/retention";
import { fieldText, lockWords, noteWords, stepAt } from "../../lib/settings";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";
import { RetentionEffect } from "./RetentionEffect";

interface RetentionDialogProps {
  setting: SettingItem;
  /** The domain or project it is said for; null for the organisation. */
  place: string | null;
  placeName: string;
  version: number;
  onClose: () => void;
}

interface Draft {
  /** Null says nothing any more here. */
  value: string | null;
  lock: string;
  reason: string;
}

/** Says another time: first what it would erase, then that this is meant. */
export function RetentionDialog({ setting, place, placeName, version, onClose }: RetentionDialogProps) {
  const [draft, setDraft] = useState<Draft | null>(null);
  const preview = useMutation({
    mutationFn: (next: Draft) => look(setting, place, next),
    onSuccess: (_, next) => setDraft(next),
  });
  const say = useMutation({
    mutationFn: ({ next, confirms }: { next: Draft; confirms: number | null }) =>
      saySetting(setting.name, version, {
        ...next,
        ...(place === null ? {} : { node: place }),
        ...(confirms === null ? {} : { confirms }),
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["settings"] });
      await queryClient.invalidateQueries({ queryKey: ["sweep"] });
      onClose();
    },
  });
  const title = noteWords(setting).replace(/\.$/, "");
  if (draft === null || preview.data === undefined) {
    return (
      <Dialog title={title} isOpen onClose={onClose}>
        <Fields
          setting={setting}
          place={place}
          placeName={placeName}
          busy={preview.isPending}
          error={preview.error}
          onCancel={onClose}
          onNext={preview.mutate}
        />
      </Dialog>
    );
  }
  const shorter = shortens(setting.value, draft.value);
  // The server counts once more when it is said. Where it found more than was shown, that is what is asked about.
  const told = toldDue(say.error);
  const due = told ?? preview.data?.newly_due ?? null;
  const send = () => say.mutate({ next: draft, confirms: told ?? (shorter ? due : null) });
  const erases = (shorter || told !== null) && due !== 0;
  const verb = erases && due !== null ? "Keep it for less, and erase these" : "Say it";
  if (needsStepUp(say.error)) {
    return (
      <Dialog title={title} isOpen onClose={onClose}>
        <StepUp goOn={verb} onProven={send} onCancel={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <RetentionEffect
        before={keptWords(setting.value)}
        after={draft.value === null ? null : keptWords(draft.value)}
        shorter={shorter}
        due={due}
        next={preview.data?.next ?? []}
        recounted={told !== null}
      />
      {say.error && told === null && <Wrong error={say.error} what="It is kept as it was." />}
      <div className="actions">
        <button
          type="button"
          className="b"
          onClick={() => {
            say.reset();
            setDraft(null);
          }}
        >
          Back
        </button>
        <button type="button" className={erases ? "b end" : "b lead"} disabled={say.isPending} onClick={send}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}

/** What the server says a change would do; null where it counts only when it is said. */
async function look(setting: SettingItem, place: string | null, next: Draft) {
  const kind = classOf(setting.name);
  const days = daysOf(next.value);
  const known = place === null || place.startsWith("prj_");
  if (kind === null || days === null || days < 1 || !known) return null;
  const { items } = await previewRetention({ project: place, class: kind, days: Math.round(days) });
  return items[0] ?? null;
}

interface FieldsProps extends Pick<RetentionDialogProps, "setting" | "place" | "placeName"> {
  busy: boolean;
  error: Error | null;
  onCancel: () => void;
  onNext: (draft: Draft) => void;
}

function Fields({ setting, place, placeName, busy, error, onCancel, onNext }: FieldsProps) {
  const id = useId();
  const level = place === null ? "organisation" : place.startsWith("dom_") ? "domain" : "project";
  const said = stepAt(setting, level);
  const [unset, setUnset] = useState(false);
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const value = unset ? null : readKept(String(form.get("value") ?? ""));
    setWrong(value === undefined);
    if (value === undefined) return;
    const text = (field: string) => String(form.get(field) ?? "").trim();
    onNext({ value, lock: unset ? "none" : text("lock") || "none", reason: text("reason") });
  };
  return (
    <form className="pform" onSubmit={submit}>
      {said !== null && (
        <label className="row">
          <input type="checkbox" checked={unset} onChange={(event) => setUnset(event.target.checked)} />
          Say nothing any more here: what holds above holds again
        </label>
      )}
      {!unset && (
        <div className="fld">
          <label htmlFor={`${id}-value`}>Kept in {placeName} for</label>
          <input
            className="in num"
            id={`${id}-value`}
            name="value"
            defaultValue={fieldText(setting.kind, setting.value)}
            required
            aria-invalid={wrong}
            aria-describedby={`${id}-help`}
          />
          <span className={wrong ? "err" : "help"} id={`${id}-help`} role={wrong ? "alert" : undefined}>
            Such as “90 days”, “12 weeks” or “1 year”; a bare number is days.
          </span>
        </div>
      )}
      {!unset && setting.locks.length > 1 && (
        <div className="fld">
          <label htmlFor={`${id}-lock`}>For those below</label>
          <select className="in" id={`${id}-lock`} name="lock" defaultValue={said?.lock ?? "none"}>
            {setting.locks.map((lock) => (
              <option key={lock} value={lock}>
                {lockWords(lock) || "they may say something else"}
              </option>
            ))}
          </select>
        </div>
      )}
      <div className="fld">
        <label htmlFor={`${id}-reason`}>Why</label>
        <input
          className="in"
          id={`${id}-reason`}
          name="reason"
          maxLength={500}
          placeholder="May be left empty"
        />
      </div>
      {error && <Wrong error={error} what="What it would do could not be told." />}
      <div className="actions">
        <button type="button" className="b" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="b lead" disabled={busy}>
          See what it erases
        </button>
      </div>
    </form>
  );
}
