import type { Site } from "../../api/types";
import {
  LENGTHS,
  type ListSearch,
  lengthWords,
  PERIODS,
  periodWords,
  SOURCES,
  STATES,
  sourceWords,
  stateWords,
  watchedWords,
  withPart,
} from "../../lib/filters";
import { formatDate } from "../../lib/format";
import { FilterBar } from "../FilterBar";
import { type Choice, WordPicker } from "../Menu";

const ANY = "any";

function choices<K extends string>(any: string, ids: readonly K[], words: Record<K, string>): Choice[] {
  return [{ id: ANY, text: any }, ...ids.map((id) => ({ id, text: words[id] }))];
}

interface SentenceProps {
  search: ListSearch;
  sites: readonly Site[];
  onChange: (search: ListSearch) => void;
  shown: string;
  /** Who the person of the sentence is, where it is known. */
  of: string | null;
}

/** The filter as an English sentence whose words are the controls. */
export function Sentence({ search, sites, onChange, shown, of }: SentenceProps) {
  const picker = <K extends keyof ListSearch>(key: K, label: string, list: Choice[]) => (
    <WordPicker
      label={label}
      choices={list}
      chosen={search[key] ?? ANY}
      hit={search[key] !== undefined}
      onChoose={(id) => {
        const found = list.find((choice) => choice.id === id);
        onChange(withPart(search, key, id === ANY || !found ? null : (id as NonNullable<ListSearch[K]>)));
      }}
    />
  );
  const siteChoices = [
    { id: ANY, text: "every site" },
    ...sites.map((site) => ({ id: site.id, text: site.name, note: site.origins.join(", ") })),
  ];
  const personChoices = [
    { id: ANY, text: "everybody" },
    ...(search.person ? [{ id: search.person, text: of ?? "one person" }] : []),
  ];
  const dayChoices = [
    { id: ANY, text: "at any time" },
    ...(search.day
      ? [{ id: search.day, text: `on ${formatDate(`${search.day}T12:00:00`)}`, note: "A day of UTC" }]
      : []),
  ];
  return (
    <FilterBar
      label="Which recordings"
      aside={shown}
      sentence={
        <>
          Show {picker("source", "What was recorded", choices("everything", SOURCES, sourceWords))}{" "}
          {search.source !== "screen" && <>from {picker("site", "Site", siteChoices)} </>}
          {search.person && <>of {picker("person", "Person", personChoices)} </>}
          {search.last ? "in the " : ""}
          {search.day === undefined
            ? picker("last", "Period", choices("at any time", PERIODS, periodWords))
            : picker("day", "Day", dayChoices)}{" "}
          {picker("longer", "Length", choices("of any length", LENGTHS, lengthWords))}{" "}
          {search.watched ? "that " : ""}
          {picker("watched", "Watched", choices("watched or not", ["yes", "no"] as const, watchedWords))}{" "}
          {picker("state", "State", choices("in any state", STATES, stateWords))}
        </>
      }
    />
  );
}
