import * as v from "valibot";

const Theme = v.picklist(["light", "dark"]);
export type Theme = v.InferOutput<typeof Theme>;

const KEY = "clerestory.theme";

/** The theme somebody chose on this machine, or null where the system decides. */
export function chosenTheme(): Theme | null {
  const parsed = v.safeParse(Theme, localStorage.getItem(KEY));
  return parsed.success ? parsed.output : null;
}

export function applyTheme(theme: Theme | null): void {
  if (theme === null) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Turns light to dark and back, and remembers it. */
export function toggleTheme(): Theme {
  const system: Theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next: Theme = (chosenTheme() ?? system) === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, next);
  applyTheme(next);
  return next;
}
