import { useState } from "react";
import { pictureAddress } from "../api/operations";
import type { PersonRef } from "../api/types";
import { toneOf } from "../lib/tone";

interface PersonProps {
  person: PersonRef;
  lit?: boolean;
  large?: boolean;
}

/** A person: an arched window with their picture or their initials, gold while they watch. */
export function Person({ person, lit = false, large = false }: PersonProps) {
  const classes = ["av", lit ? "lit" : "", large ? "xl" : ""].filter(Boolean).join(" ");
  return (
    <b
      className={classes}
      role="img"
      aria-label={person.name}
      title={person.name}
      data-tone={toneOf(person.id)}
    >
      {person.initials}
      <Picture key={person.picture} person={person} size={large ? 256 : 64} />
    </b>
  );
}

/** The picture over the initials. One that does not come leaves them as they are. */
function Picture({ person, size }: { person: PersonRef; size: 64 | 256 }) {
  const [failed, setFailed] = useState(false);
  if (typeof person.picture !== "number" || failed) return null;
  return (
    <img
      src={pictureAddress(person.id, person.picture, size)}
      alt=""
      loading="lazy"
      onError={() => setFailed(true)}
    />
  );
}

/** Up to three people side by side, and how many more. */
export function People({ people, lit }: { people: readonly PersonRef[]; lit?: string }) {
  if (people.length === 0) return <span className="ink3 small">nobody</span>;
  const shown = people.slice(0, 3);
  const more = people.length - shown.length;
  return (
    <span className="avs">
      {shown.map((person) => (
        <Person key={person.id} person={person} lit={person.id === lit} />
      ))}
      {more > 0 && <span className="small ink3">+{more}</span>}
    </span>
  );
}
