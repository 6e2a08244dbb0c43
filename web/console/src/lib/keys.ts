import { useEffect, useRef } from "react";

/** True where a key press belongs to what has the focus: typing, a menu, a dialog. */
export function takesKeys(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return (
    target.closest(
      'input, textarea, select, [contenteditable="true"], [role="menu"], [role="listbox"], [role="dialog"], [role="alertdialog"]',
    ) !== null
  );
}

/** True where Space and Enter already mean something: a button, a link, a switch. */
export function takesActivation(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('button, a, summary, [role="button"], [role="slider"]') !== null
  );
}

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Listens for single keys while the component is mounted. Keys are `event.key` in lower case; names such as `Escape` may also be written as they are.
 * Nothing happens while someone types, with a modifier held, or while a dialog is open.
 */
export function useKeys(map: KeyMap): void {
  const current = useRef(map);
  useEffect(() => {
    current.current = map;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (takesKeys(event.target) || document.querySelector("[aria-modal='true']")) return;
      const key = event.key.toLowerCase();
      if ((key === " " || key === "enter") && takesActivation(event.target)) return;
      const act = current.current[key] ?? current.current[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/** One line of the key help. */
export interface KeyLine {
  keys: readonly string[];
  does: string;
}

/** Sees a key before the page does; returning true ends it there. For what follows G. */
export function useCaptureKey(see: (key: string, event: KeyboardEvent) => boolean): void {
  const current = useRef(see);
  useEffect(() => {
    current.current = see;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || takesKeys(event.target)) return;
      if (current.current(event.key.toLowerCase(), event)) event.stopImmediatePropagation();
    };
    document.addEventListener("keydown", listen, true);
    return () => document.removeEventListener("keydown", listen, true);
  }, []);
}
