/** Which pages can be seen now, by the browser's own account. */
import type { SeenTab } from "./gate";

/** Tabs and windows with a page of this extension: of these the browser tells no frames. */
async function ownTabs(): Promise<ReadonlyMap<number, string>> {
  const contexts = await chrome.runtime.getContexts({ contextTypes: [chrome.runtime.ContextType.TAB] });
  return new Map(contexts.map(({ tabId, documentUrl }) => [tabId, documentUrl ?? ""]));
}

async function seen(tab: number, own: ReadonlyMap<number, string>): Promise<SeenTab> {
  const told = (await chrome.webNavigation.getAllFrames({ tabId: tab })) ?? [];
  const frames = told.map(({ frameId: frame, url, documentId: document }) => ({ frame, url, document }));
  const ours = own.get(tab);
  return { tab, frames: frames.length === 0 && ours !== undefined ? [{ frame: 0, url: ours }] : frames };
}

/** Two tabs beside each other have one such number, every other tab -1; an older browser knows no such thing. */
const isSplit = ({ splitViewId }: chrome.tabs.Tab): boolean => (splitViewId ?? -1) !== -1;

/** The tab in front, and the one that stands beside it. */
function inFront(tabs: readonly chrome.tabs.Tab[]): chrome.tabs.Tab[] {
  const active = tabs.filter((tab) => tab.active);
  const sides = new Set(active.filter(isSplit).map(({ splitViewId }) => splitViewId));
  return tabs.filter((tab) => tab.active || (isSplit(tab) && sides.has(tab.splitViewId)));
}

/**
 * The captured tab alone, or of each window that is not minimised what is in front. `apart`: tabs with something in
 * picture-in-picture, which stands above whatever else is in front. `heard`: what other tabs play can be heard in what is
 * recorded, so they count as well.
 */
export async function seenTabs(
  only: number | null,
  apart: readonly number[],
  heard: boolean,
): Promise<SeenTab[]> {
  const own = await ownTabs();
  const loud = heard ? await chrome.tabs.query({ audible: true, muted: false }) : [];
  const playing = loud.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (only !== null) return Promise.all([...new Set([only, ...playing])].map((tab) => seen(tab, own)));
  const windows = await chrome.windows.getAll({ populate: true });
  const front = windows
    .filter(({ state }) => state !== "minimized")
    .flatMap(({ tabs }) => inFront(tabs ?? []))
    .flatMap(({ id }) => (id === undefined ? [] : [id]));
  const open = new Set(windows.flatMap(({ tabs }) => tabs ?? []).map(({ id }) => id));
  const ids = new Set([...front, ...playing, ...apart.filter((id) => open.has(id))]);
  return Promise.all([...ids].map((tab) => seen(tab, own)));
}
