/** Settings as the console tells and reads them: values in words, where they come from, and what is typed back. */
import type { SettingItem, SettingStep } from "../api/types";

export type Json = unknown;

/** The group a setting stands in: the first word of its name, as people say it. */
export function groupOf(name: string): string {
  const first = name.split(".")[0] ?? name;
  return groups[first] ?? `${first.charAt(0).toUpperCase()}${first.slice(1)}`;
}

const groups: Record<string, string> = {
  allow: "What roles may do besides",
  auth: "Signing in",
  capture: "What is captured",
  erase: "Erasing",
  export: "Taking things out",
  limits: "Limits",
  manager: "What Managers see",
  member: "What Members see",
  retention: "How long things are kept",
  ui: "How the console looks",
  view: "Watching",
};

const units: Record<string, string> = {
  Y: "year",
  M: "month",
  W: "week",
  D: "day",
  h: "hour",
  m: "minute",
  s: "second",
};

/** A duration of ISO 8601 in words: `P90D` is `90 days`. What is none stays as it is. */
export function durationWords(iso: string): string {
  const parts = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(
    iso,
  );
  if (!parts) return iso;
  const names = ["Y", "M", "W", "D", "h", "m", "s"];
  const words = names.flatMap((name, index) => {
    const text = parts[index + 1];
    const n = Number(text ?? 0);
    return n === 0 ? [] : [`${n} ${units[name]}${n === 1 ? "" : "s"}`];
  });
  return words.length === 0 ? iso : words.join(", ");
}

/** A value in words. */
export function valueWords(kind: string, value: Json): string {
  if (value === null || value === undefined) return "not readable";
  if (kind === "switch") return value === true ? "on" : "off";
  if (kind === "duration") return durationWords(String(value));
  if (Array.isArray(value)) return value.length === 0 ? "nothing" : value.join(", ");
  return value === "" ? "nothing" : String(value);
}

/** Which values it takes, as the console writes them. */
export function takesWords({ kind, values }: Pick<SettingItem, "kind" | "values">): string {
  return kind === "switch" ? "on or off" : values;
}

/** Which of its values protects people better. */
export function strictWords(kind: string, strict: string): string {
  if (kind === "switch") return strict === "lower" ? "Off" : "On";
  return strict === "lower" ? "The lower" : "The higher";
}

/** The sentence that says what it is for, without the marks around names. */
export function noteWords({ note, name }: Pick<SettingItem, "note" | "name">): string {
  return note === "" ? name : note.replaceAll("`", "");
}

const levels: Record<string, string> = {
  deployment: "the installation",
  organisation: "the organisation",
  domain: "a domain",
  project: "a project",
  team: "a team",
  user: "the person",
};

export function levelWords(level: string): string {
  return levels[level] ?? level;
}

const locks: Record<string, string> = {
  none: "",
  floor: "those below may only go higher",
  ceiling: "those below may only go lower",
  fixed: "nobody below may change it",
};

export function lockWords(lock: string | null): string {
  return lock === null ? "" : (locks[lock] ?? lock);
}

/** What became of what a place says. */
export function outcomeWords(outcome: string): string {
  const words: Record<string, string> = {
    holds: "this holds",
    merged: "counted together with the others",
    bounded: "cut to what a lock above allows",
    overruled: "a nearer one, or a lock, overrules it",
    unreadable: "cannot be read, so the safe value holds",
    not_here: "may not be said here, so it counts for nothing",
  };
  return words[outcome] ?? outcome;
}

/** Where the value that holds comes from, in a few words. */
export function originOf(setting: Pick<SettingItem, "steps">): string {
  const said = setting.steps.filter(({ outcome }) => outcome === "holds" || outcome === "merged");
  const last = said.at(-1);
  return last === undefined ? "as the program comes" : `said for ${levelWords(last.place.level)}`;
}

/** What a place says now, if it says something. */
export function stepAt(setting: Pick<SettingItem, "steps">, level: string): SettingStep | null {
  return setting.steps.find((step) => step.place.level === level) ?? null;
}

/** What somebody typed, as the value that is sent; `undefined` where it is none of this kind. */
export function readValue(kind: string, typed: string): Json | undefined {
  const text = typed.trim();
  switch (kind) {
    case "switch":
      return text === "on" ? true : text === "off" ? false : undefined;
    case "number": {
      const n = Number(text);
      return text !== "" && Number.isFinite(n) ? n : undefined;
    }
    case "duration":
      return /^P(?=.)/.test(text) ? text : shortDuration(text);
    case "set":
      return text === "" ? [] : text.split(/\s*[\n,]\s*/).filter((word) => word !== "");
    case "text":
      return text;
    default:
      return text === "" ? undefined : text;
  }
}

/** `90 days`, `30 minutes`, `1 month` as ISO 8601. */
function shortDuration(text: string): string | undefined {
  const parts = /^(\d{1,6})\s*(second|minute|hour|day|week|month|year)s?$/i.exec(text);
  if (!parts) return undefined;
  const [, n, unit = ""] = parts;
  const letters: Record<string, [string, string]> = {
    second: ["PT", "S"],
    minute: ["PT", "M"],
    hour: ["PT", "H"],
    day: ["P", "D"],
    week: ["P", "W"],
    month: ["P", "M"],
    year: ["P", "Y"],
  };
  const found = letters[unit.toLowerCase()];
  return found ? `${found[0]}${n}${found[1]}` : undefined;
}

/** How a value stands in the field it is changed in. */
export function fieldText(kind: string, value: Json): string {
  if (kind === "switch") return value === true ? "on" : "off";
  if (kind === "duration")
    return durationWords(String(value ?? "")).includes(",")
      ? String(value)
      : durationWords(String(value ?? ""));
  if (Array.isArray(value)) return value.join("\n");
  return value === null || value === undefined ? "" : String(value);
}
