import type { PersonRef } from "../api/types";

/** A person: an arched window with initials, gold while they watch. */
export function Person({
  person,
  lit = false,
}: {
  person: Pick<PersonRef, "name" | "initials">;
  lit?: boolean;
}) {
  return (
    <b className={lit ? "av lit" : "av"} role="img" aria-label={person.name} title={person.name}>
      {person.initials}
    </b>
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
