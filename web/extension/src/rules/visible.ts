/** Which pages can be seen now, by the browser's own account. */
import type { SeenTab } from "./gate";

/** Tabs and windows with a page of this extension: of these the browser tells no frames. */
async function ownTabs(): Promise<ReadonlyMap<number, string>> {
  const contexts = await chrome.runtime.getContexts({ contextTypes: [chrome.runtime.ContextType.TAB] });
  return new Map(contexts.map(({ tabId, documentUrl }) => [tabId, documentUrl ?? ""]));
}

/** A tab behind others shows its title, and in its card a picture of the page: its frames do not matter, it does. */
async function behind(
  { id = -1, url, pendingUrl, audible = false }: chrome.tabs.Tab,
  own: ReadonlyMap<number, string>,
): Promise<SeenTab> {
  // One that was just opened is called by where it goes.
  const address = url || pendingUrl;
  const told = address
    ? [{ frame: 0, url: address }]
    : (await seen(id, own)).frames.filter(({ frame }) => frame === 0);
  return { tab: id, frames: told, isAudible: audible, isBehind: true };
}

async function seen(tab: number, own: ReadonlyMap<number, string>, isAudible = false): Promise<SeenTab> {
  const told = (await chrome.webNavigation.getAllFrames({ tabId: tab })) ?? [];
  const frames = told.map(({ frameId: frame, url, documentId: document }) => ({ frame, url, document }));
  const ours = own.get(tab);
  const whole = frames.length === 0 && ours !== undefined ? [{ frame: 0, url: ours }] : frames;
  return { tab, frames: whole, isAudible };
}

/** Pages stand in windows of applications, too. What developer tools look at stands in a tab that counts itself. */
const WINDOWS = ["normal", "popup", "app", "panel"] as const;

/** Two tabs beside each other have one such number, every other tab -1; an older browser knows no such thing. */
const isSplit = ({ splitViewId }: chrome.tabs.Tab): boolean => (splitViewId ?? -1) !== -1;

/** The tab in front, and the one that stands beside it. */
function inFront(tabs: readonly chrome.tabs.Tab[]): chrome.tabs.Tab[] {
  const active = tabs.filter((tab) => tab.active);
  const sides = new Set(active.filter(isSplit).map(({ splitViewId }) => splitViewId));
  return tabs.filter((tab) => tab.active || (isSplit(tab) && sides.has(tab.splitViewId)));
}

/**
 * The captured tab alone. Or else all tabs: of each window that is not minimised what is in front, and the others behind
 * it, whose titles stand in strips and lists of tabs. `apart`: tabs with something in picture-in-picture, which stands
 * above whatever else is in front. `heard`: what other tabs play can be heard in what is recorded, so they count as well.
 */
export async function seenTabs(
  only: number | null,
  apart: readonly number[],
  heard: boolean,
): Promise<SeenTab[]> {
  const own = await ownTabs();
  const loud = heard ? await chrome.tabs.query({ audible: true, muted: false }) : [];
  const playing = loud.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (only !== null) {
    const isAudible = await chrome.tabs.get(only).then(
      ({ audible }) => audible === true,
      () => true,
    );
    const others = playing.filter((tab) => tab !== only).map((tab) => seen(tab, own, true));
    return Promise.all([seen(only, own, isAudible), ...others]);
  }
  const windows = await chrome.windows.getAll({ populate: true, windowTypes: [...WINDOWS] });
  const front = windows
    .filter(({ state }) => state !== "minimized")
    .flatMap(({ tabs }) => inFront(tabs ?? []))
    .map(({ id }) => id);
  const whole = new Set([...front, ...playing, ...apart]);
  const open = windows.flatMap(({ tabs }) => tabs ?? []);
  return Promise.all(
    open.map((tab) =>
      tab.id !== undefined && whole.has(tab.id) ? seen(tab.id, own, tab.audible) : behind(tab, own),
    ),
  );
}
