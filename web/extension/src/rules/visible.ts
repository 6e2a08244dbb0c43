/** Which pages can be seen now, by the browser's own account. */
import type { SeenTab } from "./gate";

async function seen(tab: number): Promise<SeenTab> {
  const told = (await chrome.webNavigation.getAllFrames({ tabId: tab })) ?? [];
  // A tab of which nothing is told shows a page without an address; where only named pages are allowed, that is none.
  const frames = told.length > 0 ? told : [{ frameId: 0, url: "" }];
  return { tab, frames: frames.map(({ frameId: frame, url }) => ({ frame, url })) };
}

/**
 * The captured tab alone, or of each window that is not minimised the tab in front. `apart`: tabs with something in
 * picture-in-picture, which stands above whatever else is in front.
 */
export async function seenTabs(only: number | null, apart: readonly number[]): Promise<SeenTab[]> {
  if (only !== null) return [await seen(only)];
  const windows = await chrome.windows.getAll({ populate: true });
  const front = windows
    .filter(({ state }) => state !== "minimized")
    .flatMap(({ tabs }) => tabs?.filter(({ active }) => active) ?? [])
    .flatMap(({ id }) => (id === undefined ? [] : [id]));
  const open = new Set(windows.flatMap(({ tabs }) => tabs ?? []).map(({ id }) => id));
  const ids = new Set([...front, ...apart.filter((id) => open.has(id))]);
  return Promise.all([...ids].map(seen));
}
