import type { Person } from "../../api/types";
import { PERSON_STATES, type PeopleSearch, personStateWords, ROLES, roleWords } from "../../lib/people";
import { FilterBar } from "../FilterBar";
import { type Choice, WordPicker } from "../Menu";

const ANY = "any";

interface PeopleSentenceProps {
  search: PeopleSearch;
  people: readonly Person[];
  onChange: (search: PeopleSearch) => void;
  shown: string;
}

/** Which people, as a sentence whose words are the controls. */
export function PeopleSentence({ search, people, onChange, shown }: PeopleSentenceProps) {
  const pick = (key: "state" | "role" | "under", label: string, choices: Choice[]) => (
    <WordPicker
      label={label}
      choices={choices}
      chosen={search[key] ?? ANY}
      hit={search[key] !== undefined}
      onChoose={(id) => {
        const { [key]: _old, open: _open, ...rest } = search;
        onChange(id === ANY ? rest : ({ ...rest, [key]: id } as PeopleSearch));
      }}
    />
  );
  const roles = [
    { id: ANY, text: "everybody" },
    ...ROLES.map((role) => ({ id: role, text: `every ${roleWords[role]}` })),
  ];
  const states = [
    { id: ANY, text: "here or invited" },
    ...PERSON_STATES.map((state) => ({ id: state, text: personStateWords[state] })),
  ];
  // Only those whom somebody here reports to, and the one who is chosen.
  const managers = people.filter(
    (person) => person.id === search.under || people.some((other) => other.manager === person.id),
  );
  const lines = [
    { id: ANY, text: "to anybody or nobody" },
    ...managers.map((person) => ({ id: person.id, text: `to ${person.name}` })),
  ];
  return (
    <FilterBar
      label="Which people"
      aside={shown}
      sentence={
        <>
          Show {pick("role", "Role", roles)} {pick("state", "State", states)} reporting{" "}
          {pick("under", "Manager", lines)}
        </>
      }
    />
  );
}
