import { describe, expect, it } from "vitest";
import type { PageRule } from "../src/policy/pages";
import { parsePageRule } from "../src/policy/pages";
import { Gate, type SeenFrame, type SeenTab } from "../src/rules/gate";
import { Valve } from "../src/rules/valve";

const BANK = "https://bank.example/account";
const NEWS = "https://news.example/";
const TAB = 7;
const rules = { mode: "block" as const, rules: [parsePageRule("bank.example") as PageRule] };

/** A recording in which nothing moves but what the test moves: a picture every 100 ms, a look every 200 ms. */
class Scene {
  readonly gate: Gate;
  readonly valve: Valve<string, string, string>;
  readonly kept: number[] = [];
  readonly entries: string[] = [];
  readonly gaps: { from_ms: number; to_ms: number; reason: string }[] = [];
  now = 10_000;
  url = NEWS;
  answers = true;
  against: "paused" | "policy" | null = null;
  extra: SeenTab[] = [];
  frames: SeenFrame[] = [];
  audible = false;
  document = "first";

  constructor(only: number | null = TAB) {
    this.gate = new Gate(rules, only);
    this.valve = new Valve(this.gate, this.now, {
      picture: (at) => this.kept.push(at),
      sample: () => {},
      entry: (_, entry) => this.entries.push(entry),
      gap: (gap) => this.gaps.push(gap),
      opened: () => {},
    });
  }

  look(): void {
    const page = { frame: 0, url: this.url, document: this.document };
    const seen = [{ tab: TAB, frames: [page, ...this.frames], isAudible: this.audible }, ...this.extra];
    if (this.gate.see(seen, this.now, this.now)) this.pump();
  }

  pump(): void {
    this.valve.pump(this.now, this.against);
  }

  run(ms: number): void {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += 100;
      this.valve.addPicture(this.now, "picture");
      if (this.answers && this.now % 200 === 0) this.look();
      this.pump();
    }
  }

  go(url: string, stage: "before" | "committed" | "changed" | "failed" = "committed", frame = 0): void {
    if (stage !== "before" && stage !== "failed" && frame === 0) this.url = url;
    if (stage === "committed" && frame === 0) this.document = `at ${this.now}`;
    const document = frame === 0 ? this.document : `frame at ${this.now}`;
    if (this.gate.went({ at: this.now, tab: TAB, frame, url, document, stage }, this.now)) this.pump();
  }

  paint(url = this.url): void {
    this.gate.painted(TAB, url, this.document, this.now);
  }

  /** The first picture that was kept of what was taken after `from`, in milliseconds after it. */
  firstAfter(from: number): number {
    return (this.kept.find((at) => at > from) ?? Number.POSITIVE_INFINITY) - from;
  }

  keptWithin(from: number, to: number): number[] {
    return this.kept.filter((at) => at >= from && at < to);
  }
}

describe("what goes through", () => {
  it("keeps everything of pages that nothing is said against, each picture once and in order", () => {
    const scene = new Scene();
    scene.run(3000);
    expect(scene.gaps).toEqual([]);
    expect(scene.kept.slice(0, 3)).toEqual([10_100, 10_200, 10_300]);
    expect(scene.kept).toEqual([...new Set(scene.kept)].sort((a, b) => a - b));
    expect(scene.kept.at(-1)).toBeLessThanOrEqual(scene.now - 500);
  });

  it("keeps nothing of an excluded page, nor of the half second before, and tells the gap", () => {
    const scene = new Scene();
    scene.run(2000);
    const left = scene.now;
    scene.go(BANK);
    expect(scene.valve.isEmpty).toBe(true);
    scene.run(5000);
    const back = scene.now;
    scene.go(NEWS);
    scene.run(8000);
    expect(scene.keptWithin(left - 500, back)).toEqual([]);
    const [gap] = scene.gaps;
    expect(scene.gaps).toHaveLength(1);
    expect(gap?.reason).toBe("blocked");
    expect(gap?.from_ms).toBeLessThanOrEqual(left - 500);
    expect(gap?.to_ms).toBeGreaterThanOrEqual(back);
    expect(scene.keptWithin(gap?.from_ms ?? 0, gap?.to_ms ?? 0).slice(1)).toEqual([]);
    expect(scene.kept.at(-1)).toBeGreaterThan(back);
  });

  it("drops what waits when the way to an excluded page begins, and goes on when it leads nowhere", () => {
    const scene = new Scene();
    scene.run(2000);
    const begun = scene.now;
    scene.go(BANK, "before");
    scene.run(500);
    scene.go(BANK, "failed");
    scene.run(2000);
    expect(scene.keptWithin(begun - 500, begun + 500)).toEqual([]);
    expect(scene.kept.at(-1)).toBeGreaterThan(begun + 500);
  });

  it("waits after an excluded page until the next one stands on the screen", () => {
    const slow = new Scene();
    slow.go(BANK);
    slow.run(1000);
    const back = slow.now;
    slow.go(NEWS);
    slow.run(8000);
    expect(Math.min(...slow.kept.filter((at) => at > back))).toBeGreaterThanOrEqual(back + 4500);
    const quick = new Scene();
    quick.go(BANK);
    quick.run(1000);
    quick.go(NEWS);
    quick.run(300);
    quick.paint();
    const painted = quick.now;
    quick.run(3000);
    expect(Math.min(...quick.kept.filter((at) => at > painted))).toBeGreaterThanOrEqual(painted + 700);
    expect(Math.min(...quick.kept.filter((at) => at > painted))).toBeLessThanOrEqual(painted + 1200);
  });

  it("does not take the word of an excluded page for having been painted over", () => {
    const scene = new Scene();
    scene.go(BANK);
    scene.run(1000);
    scene.paint();
    scene.run(200);
    const back = scene.now;
    scene.go(NEWS);
    scene.run(3000);
    expect(scene.keptWithin(back, back + 3000)).toEqual([]);
  });

  it("waits whole where the same document goes from an excluded address to another", () => {
    const scene = new Scene();
    scene.go(NEWS);
    scene.paint();
    scene.run(3000);
    scene.go(BANK, "changed");
    scene.run(5000);
    const left = scene.now;
    scene.go(NEWS, "changed");
    scene.paint();
    scene.run(8000);
    expect(scene.firstAfter(left)).toBeGreaterThanOrEqual(4500);
    expect(scene.firstAfter(left)).toBeLessThanOrEqual(5500);
  });

  it("does not take a document's paint from before an excluded page for one after it", () => {
    const scene = new Scene();
    scene.go(NEWS);
    scene.run(50);
    scene.paint();
    scene.run(300);
    scene.go(BANK);
    scene.run(200);
    const left = scene.now;
    scene.go("https://news.example/back");
    scene.run(8000);
    expect(scene.firstAfter(left)).toBeGreaterThanOrEqual(4500);
  });

  it("waits for the paint of a page that comes back as it was, and not for the one it once had", () => {
    const scene = new Scene();
    scene.go(NEWS);
    scene.paint();
    const { document } = scene;
    scene.run(1000);
    scene.go(BANK);
    scene.run(1000);
    scene.go(NEWS);
    scene.document = document;
    scene.gate.went(
      { at: scene.now, tab: TAB, frame: 0, url: NEWS, document, stage: "committed" },
      scene.now,
    );
    const left = scene.now;
    scene.run(8000);
    expect(scene.firstAfter(left)).toBeGreaterThanOrEqual(4500);
  });

  it("waits whole after an excluded frame was taken out of a page", () => {
    const scene = new Scene();
    scene.go(NEWS);
    scene.paint();
    scene.run(3000);
    scene.go(BANK, "before", 5);
    scene.go(BANK, "committed", 5);
    scene.frames = [{ frame: 5, url: BANK, document: "frame" }];
    scene.run(2000);
    scene.frames = [];
    const left = scene.now;
    scene.run(8000);
    expect(scene.firstAfter(left)).toBeGreaterThanOrEqual(4500);
    expect(scene.firstAfter(left)).toBeLessThanOrEqual(5500);
  });

  it("waits for each tab that showed something excluded", () => {
    const scene = new Scene(null);
    scene.run(1000);
    scene.extra = [{ tab: 9, frames: [{ frame: 0, url: BANK, document: "bank" }] }];
    scene.go(BANK);
    scene.run(1000);
    scene.go(NEWS);
    scene.extra = [{ tab: 9, frames: [{ frame: 0, url: NEWS, document: "bank" }] }];
    const left = scene.now;
    scene.paint();
    scene.run(8000);
    expect(scene.firstAfter(left)).toBeGreaterThanOrEqual(4500);
  });

  it("keeps nothing while the browser does not tell what a tab shows", () => {
    const scene = new Scene(null);
    scene.run(1000);
    scene.extra = [{ tab: 9, frames: [] }];
    const at = scene.now;
    scene.run(3000);
    expect(scene.keptWithin(at - 300, scene.now)).toEqual([]);
    expect(scene.valve.shut?.reason).toBe("blocked");
  });

  it("is not shut by a frame in a tab that cannot be seen, and is by one in a tab that can", () => {
    const scene = new Scene(null);
    scene.run(1000);
    const hidden = { tab: 99, frame: 3, url: BANK, document: "hidden", stage: "committed" } as const;
    for (let times = 0; times < 5; times += 1) {
      expect(scene.gate.went({ at: scene.now, ...hidden }, scene.now)).toBe(false);
      scene.run(1000);
    }
    expect(scene.gaps).toEqual([]);
    const shown = { frame: 3, url: BANK, document: "hidden" };
    expect(scene.gate.sized(TAB, shown, true, scene.now)).toBe(true);
  });

  it("is shut by a frame that says nothing of itself, and keeps nothing from when it came", () => {
    const scene = new Scene();
    scene.run(2000);
    const came = scene.now;
    scene.frames = [{ frame: 5, url: BANK, document: "frame" }];
    scene.go(BANK, "committed", 5);
    scene.run(4000);
    expect(scene.keptWithin(came + 1, scene.now)).toEqual([]);
    expect(scene.valve.shut?.reason).toBe("blocked");
  });

  it("is shut by a frame that was there between two looks only and said nothing", () => {
    const scene = new Scene();
    scene.run(2050);
    const came = scene.now;
    scene.go(BANK, "committed", 5);
    scene.run(9000);
    expect(scene.keptWithin(came + 1, came + 1000)).toEqual([]);
    expect(scene.gaps.map(({ reason }) => reason)).toEqual(["blocked"]);
  });

  it("is not shut by a frame of no size, until it has one, or the page can be heard", () => {
    const scene = new Scene();
    scene.run(2000);
    const frame = { frame: 5, url: BANK, document: "frame" };
    scene.frames = [frame];
    scene.gate.went({ at: scene.now, tab: TAB, ...frame, stage: "committed" }, scene.now);
    scene.run(300);
    scene.gate.sized(TAB, frame, false, scene.now);
    scene.run(4000);
    expect([scene.gaps, scene.valve.shut]).toEqual([[], null]);
    expect(scene.kept.length).toBeGreaterThan(50);
    const grew = scene.now;
    expect(scene.gate.sized(TAB, frame, true, scene.now)).toBe(true);
    scene.run(2000);
    expect(scene.keptWithin(grew - 500, scene.now)).toEqual([]);
    const heard = new Scene();
    heard.run(2000);
    heard.gate.sized(TAB, frame, false, heard.now);
    heard.frames = [frame];
    heard.audible = true;
    heard.run(1000);
    expect(heard.valve.shut?.reason).toBe("blocked");
  });

  it("does not take the word of one document in a frame for another", () => {
    const scene = new Scene();
    scene.run(2000);
    scene.gate.sized(TAB, { frame: 5, url: NEWS, document: "before" }, false, scene.now);
    const came = scene.now;
    scene.frames = [{ frame: 5, url: BANK, document: "after" }];
    scene.run(4000);
    expect(scene.keptWithin(came + 1, scene.now)).toEqual([]);
  });

  it("is shut by an excluded page behind others, as its title can be read, and says how many there are", () => {
    const scene = new Scene(null);
    scene.run(1000);
    const behind = (tab: number, url: string) => ({ tab, isBehind: true, frames: [{ frame: 0, url }] });
    scene.extra = [behind(8, "chrome://newtab/"), behind(9, "https://other.example/")];
    scene.run(1000);
    expect(scene.valve.shut).toBeNull();
    scene.extra = [behind(8, BANK), behind(9, BANK), { tab: 10, isBehind: true, frames: [] }];
    const at = scene.now;
    scene.run(2000);
    expect(scene.keptWithin(at - 300, scene.now)).toEqual([]);
    expect([scene.valve.shut?.reason, scene.gate.behind]).toEqual(["blocked", 3]);
    scene.extra = [];
    scene.run(3000);
    expect([scene.valve.shut, scene.gate.behind]).toEqual([null, 0]);
  });

  it("tells no picture to be from before the one before", () => {
    const scene = new Scene();
    scene.run(2000);
    for (const late of [40, 10, 25]) scene.valve.addPicture(scene.now + late, "picture");
    scene.run(2000);
    const steps = scene.kept.slice(1).map((at, before) => at - (scene.kept[before] ?? 0));
    expect(Math.min(...steps)).toBe(1);
    expect(scene.kept.length).toBeGreaterThan(30);
  });

  it("tells what there was no room for", () => {
    const scene = new Scene();
    scene.run(2000);
    const full = scene.now;
    scene.answers = false;
    for (let at = 0; at < 400; at += 1) scene.valve.addPicture(full + at * 5, "picture");
    scene.now = full + 2000;
    scene.answers = true;
    scene.run(2000);
    expect(new Set(scene.gaps.map(({ reason }) => reason))).toEqual(new Set(["lost"]));
    const [from = 0, to = 0] = [scene.gaps[0]?.from_ms, scene.gaps.at(-1)?.to_ms];
    expect(scene.gaps.every((gap, at) => at === 0 || gap.from_ms === scene.gaps[at - 1]?.to_ms)).toBe(true);
    expect([from <= full, to > full + 1000]).toEqual([true, true]);
    expect(scene.keptWithin(from + 1, to)).toEqual([]);
    expect(scene.kept.at(-1)).toBeGreaterThan(to);
  });

  it("counts frames", () => {
    const scene = new Scene();
    scene.run(1000);
    const at = scene.now;
    scene.extra = [{ tab: TAB, frames: [{ frame: 12, url: BANK }] }];
    scene.run(2000);
    expect(scene.keptWithin(at - 300, scene.now)).toEqual([]);
  });

  it("counts other visible windows where a window or the screen is captured, and only there", () => {
    const other = [{ tab: 9, frames: [{ frame: 0, url: BANK }] }];
    const screen = new Scene(null);
    screen.run(1000);
    screen.extra = other;
    screen.run(2000);
    expect(screen.valve.shut?.reason).toBe("blocked");
    const tab = new Scene(TAB);
    tab.gate.went({ at: 0, tab: 9, frame: 0, url: BANK, stage: "committed" }, tab.now);
    tab.run(2000);
    expect(tab.valve.shut).toBeNull();
  });

  it("lets nothing through that nobody judged", () => {
    const scene = new Scene();
    scene.run(2000);
    scene.answers = false;
    const silent = scene.now;
    scene.run(10_000);
    expect(scene.keptWithin(silent + 1, scene.now)).toEqual([]);
    expect(scene.valve.shut?.reason).toBe("policy");
    scene.answers = true;
    scene.run(2000);
    expect(scene.gaps.map(({ reason }) => reason)).toEqual(["policy"]);
    expect(scene.kept.at(-1)).toBeGreaterThan(silent + 10_000);
  });

  it("is not opened by an answer to a question from before the exclusion", () => {
    const scene = new Scene();
    scene.run(1000);
    const asked = scene.now - 50;
    scene.go(BANK);
    scene.gate.see([{ tab: TAB, frames: [{ frame: 0, url: NEWS }] }], asked, scene.now);
    expect(scene.gate.isClear).toBe(false);
  });

  it("tells pause and exclusion apart, and drops the log with the pictures", () => {
    const scene = new Scene();
    scene.run(1000);
    scene.valve.addEntry(scene.now, "before the pause");
    scene.run(1000);
    scene.valve.addEntry(scene.now, "in the pause");
    scene.against = "paused";
    scene.run(1000);
    scene.go(BANK);
    scene.run(500);
    scene.against = null;
    scene.run(1000);
    scene.go(NEWS);
    scene.run(6000);
    expect(scene.entries).toEqual(["before the pause"]);
    expect(scene.gaps.map(({ reason }) => reason)).toEqual(["paused", "blocked"]);
    expect(scene.gaps[0]?.to_ms).toBe(scene.gaps[1]?.from_ms);
  });

  it("calls sleep a loss", () => {
    const scene = new Scene();
    scene.run(2000);
    const slept = scene.now;
    scene.now += 60_000;
    scene.run(2000);
    expect(scene.gaps.map(({ reason }) => reason)).toEqual(["lost"]);
    expect(scene.gaps[0]?.to_ms).toBeGreaterThan(slept + 59_000);
  });

  it("tells a long gap in pieces", () => {
    const scene = new Scene();
    scene.run(1000);
    scene.against = "paused";
    scene.run(130_000);
    expect(scene.gaps.length).toBe(2);
    scene.valve.end(scene.now);
    expect(scene.gaps.length).toBe(3);
  });

  it("judges anew by new rules before anything goes on", () => {
    const scene = new Scene();
    scene.run(2000);
    scene.gate.replaceRules({ mode: "allow", rules: [] });
    const at = scene.now;
    scene.run(2000);
    expect(scene.keptWithin(at - 500, scene.now)).toEqual([]);
    expect(scene.valve.shut?.reason).toBe("blocked");
  });
});
