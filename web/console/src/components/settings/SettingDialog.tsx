import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { ApiError } from "../../api/client";
import { checkSetting, saySetting } from "../../api/operations";
import type { Effects, SettingItem } from "../../api/types";
import {
  fieldText,
  levelWords,
  lockWords,
  noteWords,
  readValue,
  stepAt,
  takesWords,
  valueWords,
} from "../../lib/settings";
import { queryClient } from "../../queryClient";
import { Dialog } from "../Dialog";
import { Icon } from "../Icon";
import { needsStepUp, StepUp } from "../StepUp";
import { Wrong } from "../Wrong";

interface SettingDialogProps {
  setting: SettingItem;
  version: number;
  onClose: () => void;
}

interface Draft {
  value: unknown;
  lock: string;
  reason: string;
}

/** Says something of a rule for the organisation: first what that would change, then that it is meant. */
export function SettingDialog({ setting, version, onClose }: SettingDialogProps) {
  const [draft, setDraft] = useState<Draft | null>(null);
  const check = useMutation({
    mutationFn: (next: Draft) => checkSetting({ name: setting.name, value: next.value, lock: next.lock }),
    onSuccess: (_, next) => setDraft(next),
  });
  const say = useMutation({
    mutationFn: (next: Draft) => saySetting(setting.name, version, next),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["settings"] });
      onClose();
    },
  });
  const title = `Change ${setting.name}`;
  if (draft && needsStepUp(say.error)) {
    return (
      <Dialog title={title} isOpen onClose={onClose}>
        <StepUp goOn="Say it" onProven={() => say.mutate(draft)} onCancel={onClose} />
      </Dialog>
    );
  }
  const overtaken = say.error instanceof ApiError && say.error.slug === "settings-changed";
  return (
    <Dialog title={title} isOpen onClose={onClose}>
      <p className="ink2">{noteWords(setting)}</p>
      {draft && check.data ? (
        <>
          <EffectList effects={check.data} kind={setting.kind} />
          {say.error && <Wrong error={say.error} what="The rule is as it was." />}
          <div className="actions">
            <button type="button" className="b" onClick={() => setDraft(null)}>
              Back
            </button>
            {overtaken ? (
              <button
                type="button"
                className="b lead"
                onClick={() => void queryClient.invalidateQueries({ queryKey: ["settings"] }).then(onClose)}
              >
                Look at what it is now
              </button>
            ) : (
              <button
                type="button"
                className="b lead"
                disabled={say.isPending}
                onClick={() => say.mutate(draft)}
              >
                Say it
              </button>
            )}
          </div>
        </>
      ) : (
        <Fields
          setting={setting}
          busy={check.isPending}
          error={check.error}
          onCancel={onClose}
          onNext={check.mutate}
        />
      )}
    </Dialog>
  );
}

interface FieldsProps {
  setting: SettingItem;
  busy: boolean;
  error: Error | null;
  onCancel: () => void;
  onNext: (draft: Draft) => void;
}

function Fields({ setting, busy, error, onCancel, onNext }: FieldsProps) {
  const id = useId();
  const said = stepAt(setting, "organisation");
  const [unset, setUnset] = useState(false);
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const value = unset ? null : readValue(setting.kind, String(form.get("value") ?? ""));
    setWrong(value === undefined);
    if (value === undefined) return;
    onNext({
      value,
      lock: unset ? "none" : String(form.get("lock") ?? "none"),
      reason: String(form.get("reason") ?? "").trim(),
    });
  };
  return (
    <form className="pform" onSubmit={submit}>
      {said !== null && (
        <label className="row">
          <input type="checkbox" checked={unset} onChange={(event) => setUnset(event.target.checked)} />
          Say nothing any more: what holds above holds again
        </label>
      )}
      {!unset && (
        <>
          <div className="fld">
            <label htmlFor={`${id}-value`}>What holds in the organisation</label>
            <ValueField id={`${id}-value`} setting={setting} wrong={wrong} />
            <span className={wrong ? "err" : "help"} role={wrong ? "alert" : undefined}>
              Takes {takesWords(setting)}
              {setting.kind === "duration" && "; written like “90 days” or “1 month”"}.
            </span>
          </div>
          {setting.locks.length > 1 && (
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
        </>
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
      {error && <Wrong error={error} what="It cannot say that." />}
      <div className="actions">
        <button type="button" className="b" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="b lead" disabled={busy}>
          See what it changes
        </button>
      </div>
    </form>
  );
}

function ValueField({ id, setting, wrong }: { id: string; setting: SettingItem; wrong: boolean }) {
  const text = fieldText(setting.kind, setting.value);
  const words = setting.kind === "switch" ? ["on", "off"] : setting.kind === "word" ? setting.words : null;
  if (words) {
    return (
      <select className="in" id={id} name="value" defaultValue={text}>
        {words.map((word) => (
          <option key={word} value={word}>
            {word}
          </option>
        ))}
      </select>
    );
  }
  if (setting.kind === "set") {
    return (
      <textarea className="in code" id={id} name="value" rows={4} defaultValue={text} aria-invalid={wrong} />
    );
  }
  return <input className="in num" id={id} name="value" defaultValue={text} required aria-invalid={wrong} />;
}

function EffectList({ effects, kind }: { effects: Effects; kind: string }) {
  if (effects.items.length === 0) {
    return (
      <p className="note">
        <Icon name="check" />
        <span>Nothing would be other than it is now.</span>
      </p>
    );
  }
  return (
    <>
      {effects.loosens && (
        <p className="note attn">
          <Icon name="warn" />
          <span>
            <b>This protects people less than now.</b> Your name and the reason stay with it.
          </span>
        </p>
      )}
      <ul className="effects">
        {effects.items.map((effect) => (
          <li key={`${effect.place.level}${effect.place.id}${effect.name}`}>
            <span className="ink2">For {levelWords(effect.place.level)}</span>{" "}
            <b>
              {valueWords(kind, effect.before)} <Icon name="chevr" small /> {valueWords(kind, effect.after)}
            </b>
            {effect.looser && <span className="tag attn">looser</span>}
          </li>
        ))}
      </ul>
    </>
  );
}
