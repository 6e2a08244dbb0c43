import { afterEach, describe, expect, it, vi } from "vitest";
import { seenTabs } from "../src/rules/visible";

interface Told {
  readonly id: number;
  readonly active: boolean;
  readonly splitViewId?: number;
}

function browser(
  tabs: readonly Told[],
  frames: object[] | null = [{ frameId: 0, url: "https://a.example/" }],
) {
  vi.stubGlobal("chrome", {
    runtime: {
      ContextType: { TAB: "TAB" },
      getContexts: async () => [{ tabId: 50, documentUrl: "chrome-extension://ours/popup.html" }],
    },
    tabs: { query: async () => [{ id: 80 }] },
    windows: { getAll: async () => [{ state: "normal", tabs }] },
    webNavigation: { getAllFrames: async () => frames },
  });
}

describe("what can be seen", () => {
  afterEach(() => vi.unstubAllGlobals());

  const tabsSeen = async (apart: number[] = []) => (await seenTabs(null, apart, false)).map(({ tab }) => tab);

  it("is what is in front, and what stands in a window of its own", async () => {
    browser([
      { id: 1, active: true },
      { id: 2, active: false },
      { id: 3, active: false },
    ]);
    expect(await tabsSeen([3, 99])).toEqual([1, 3]);
  });

  it("is the tab beside the one in front, too", async () => {
    browser([
      { id: 1, active: true, splitViewId: 5 },
      { id: 2, active: false, splitViewId: 5 },
      { id: 3, active: false, splitViewId: 6 },
      { id: 4, active: false, splitViewId: -1 },
    ]);
    expect(await tabsSeen()).toEqual([1, 2]);
  });

  it("is not split where no tab is", async () => {
    browser([
      { id: 1, active: true, splitViewId: -1 },
      { id: 2, active: false, splitViewId: -1 },
    ]);
    expect(await tabsSeen()).toEqual([1]);
  });

  it("is known of this extension's own pages, of which no frames are told", async () => {
    browser([{ id: 50, active: true }], []);
    expect(await seenTabs(null, [], false)).toEqual([
      { tab: 50, frames: [{ frame: 0, url: "chrome-extension://ours/popup.html" }] },
    ]);
  });

  it("is what plays in another tab, too, where that can be heard", async () => {
    browser([{ id: 1, active: true }]);
    expect((await seenTabs(null, [], true)).map(({ tab }) => tab)).toEqual([1, 80]);
    expect((await seenTabs(1, [], true)).map(({ tab }) => tab)).toEqual([1, 80]);
    expect((await seenTabs(1, [], false)).map(({ tab }) => tab)).toEqual([1]);
  });

  it("is unknown where the browser does not tell of a tab", async () => {
    browser([{ id: 1, active: true }], null);
    expect(await seenTabs(null, [], false)).toEqual([{ tab: 1, frames: [] }]);
    expect(await seenTabs(7, [], false)).toEqual([{ tab: 7, frames: [] }]);
  });
});
