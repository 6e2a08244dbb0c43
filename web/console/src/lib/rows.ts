import { step } from "./recording";

/** Moves the focus to the next or previous row of the list or table on the screen. */
export function moveRow(by: 1 | -1): void {
  const all = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = all.indexOf(document.activeElement as HTMLElement);
  all[step(at, by, all.length)]?.focus();
}
