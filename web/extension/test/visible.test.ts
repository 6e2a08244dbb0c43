import { afterEach, describe, expect, it, vi } from "vitest";
import { seenTabs } from "../src/rules/visible";

interface Told {
  readonly id: number;
  readonly active: boolean;
  readonly splitViewId?: number;
  readonly url?: string;
  readonly audible?: boolean;
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
    tabs: { query: async () => [{ id: 80 }], get: async () => ({ audible: false }) },
    windows: { getAll: async () => [{ state: "normal", tabs }] },
    webNavigation: { getAllFrames: async () => frames },
  });
}

describe("what can be seen", () => {
  afterEach(() => vi.unstubAllGlobals());

  const tabsSeen = async (apart: number[] = []) =>
    (await seenTabs(null, apart, false)).filter(({ isBehind }) => !isBehind).map(({ tab }) => tab);

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
      { tab: 50, frames: [{ frame: 0, url: "chrome-extension://ours/popup.html" }], isAudible: false },
    ]);
  });

  it("is what plays in another tab, too, where that can be heard", async () => {
    browser([
      { id: 1, active: true },
      { id: 80, active: false, audible: true },
    ]);
    const seen = await seenTabs(null, [], true);
    expect(seen.map(({ tab, isBehind, isAudible }) => [tab, isBehind, isAudible])).toEqual([
      [1, undefined, false],
      [80, undefined, true],
    ]);
    expect((await seenTabs(1, [], true)).map(({ tab }) => tab)).toEqual([1, 80]);
    expect((await seenTabs(1, [], false)).map(({ tab }) => tab)).toEqual([1]);
  });

  it("is unknown where the browser does not tell of a tab", async () => {
    browser([{ id: 1, active: true }], null);
    expect(await seenTabs(null, [], false)).toEqual([{ tab: 1, frames: [], isAudible: false }]);
    expect(await seenTabs(7, [], false)).toEqual([{ tab: 7, frames: [], isAudible: false }]);
  });

  it("is of a tab behind others its title: which page it is, and not what is in its frames", async () => {
    browser(
      [
        { id: 1, active: true },
        { id: 2, active: false, url: "https://bank.example/" },
        { id: 3, active: false },
      ],
      [
        { frameId: 0, url: "chrome://newtab/" },
        { frameId: 4, url: "https://ads.example/" },
      ],
    );
    const behind = (await seenTabs(null, [], false)).filter(({ isBehind }) => isBehind);
    expect(behind.map(({ tab, frames }) => [tab, frames.map(({ url }) => url)])).toEqual([
      [2, ["https://bank.example/"]],
      [3, ["chrome://newtab/"]],
    ]);
  });
});
