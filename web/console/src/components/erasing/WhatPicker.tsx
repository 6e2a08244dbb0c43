import { useAllowed } from "../../api/session";

/** What is to be erased. */
export type What = "recording" | "part" | "recordings" | "subject";

interface WhatPickerProps {
  label: string;
  chosen: What;
  /** Whether a part may be chosen. */
  parts: boolean;
  onChoose: (what: What) => void;
}

/** How much goes: the recording, a part of it, everything about whom it shows. */
export function WhatPicker({ label, chosen, parts, onChoose }: WhatPickerProps) {
  const whole = useAllowed("subject.erase");
  const choices: { what: What; name: string; note: string }[] = [
    { what: "recording", name: "This recording", note: "all its tracks, its title and its address" },
  ];
  if (parts) choices.push({ what: "part", name: "A part of it", note: "the rest plays on" });
  if (whole) {
    choices.push({
      what: "recordings",
      name: `Every recording about ${label}`,
      note: "who they are stays, and they may be recorded again",
    });
    choices.push({
      what: "subject",
      name: `Everything about ${label}`,
      note: "every recording about them and, where they have one, their account",
    });
  }
  if (choices.length === 1) return null;
  return (
    <fieldset className="whats">
      <legend className="vh">What is erased</legend>
      {choices.map(({ what, name, note }) => (
        <label key={what} className={what === chosen ? "on" : undefined}>
          <input type="radio" name="what" checked={what === chosen} onChange={() => onChoose(what)} />
          <span>
            <b>{name}</b> <span className="small ink2">{note}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
