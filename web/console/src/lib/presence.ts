/**
 * Whether somebody is at the page. Pages look for news by themselves; only what somebody does may keep a session from going
 * idle, so requests of a page that nobody has touched for a while say so.
 */

/** Reading a page takes longer than this, but a session lives for many minutes after the last touch. */
const AWAY_AFTER_MS = 60_000;
const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"] as const;

let touchedAt = Date.now();

/** Begins to listen for touches; returns what ends it. */
export function watchPresence(): () => void {
  const touched = () => {
    touchedAt = Date.now();
  };
  touched();
  for (const touch of TOUCHES) window.addEventListener(touch, touched, { capture: true, passive: true });
  return () => {
    for (const touch of TOUCHES) window.removeEventListener(touch, touched, { capture: true });
  };
}

export function isAway(): boolean {
  return Date.now() - touchedAt > AWAY_AFTER_MS;
}
