import { describe, expect, it } from "vitest";
import { readPageEntry, shortText } from "../src/actions/entries";
import { ActionLog } from "../src/actions/log";
import type { ActionsCut } from "../src/run/shelf";

describe("entries of the action log", () => {
  it("are built anew from what is known, whatever a page was made to say", () => {
    const told = {
      kind: "click",
      target: { role: "button", name: "  Save\n it ", tag: "button", value: "secret" },
      x: 1.5,
      y: "0.2",
      text: "secret",
    };
    expect(readPageEntry(told, 7)).toEqual({
      t: 7,
      kind: "click",
      target: { role: "button", name: "Save it", tag: "button" },
      x: 1,
      y: 0,
    });
  });

  it.each([
    [
      { kind: "keys", count: 17, ms: 5000, keys: "abc" },
      { t: 7, kind: "keys", count: 17, ms: 5000 },
    ],
    [
      { kind: "paste", length: 12, text: "x" },
      { t: 7, kind: "paste", length: 12 },
    ],
    [
      { kind: "scroll", depth: 0.12345 },
      { t: 7, kind: "scroll", depth: 0.123 },
    ],
    [
      { kind: "scroll", depth: Number.NaN },
      { t: 7, kind: "scroll", depth: 0 },
    ],
    [
      { kind: "idle", ms: -1 },
      { t: 7, kind: "idle", ms: 0 },
    ],
    [{ kind: "submit" }, { t: 7, kind: "submit", target: { role: "", name: "", tag: "" } }],
  ])("%j", (told, entry) => {
    expect(readPageEntry(told, 7)).toEqual(entry);
  });

  it.each([
    null,
    "click",
    { kind: "navigate", url: "https://a.example" },
    { kind: "gap" },
    { kind: "typed" },
  ])("is none: %j", (told) => {
    expect(readPageEntry(told, 7)).toBeNull();
  });

  it("cut texts by characters, and leave out what is none", () => {
    expect([...shortText("😀".repeat(300))]).toHaveLength(200);
    expect(shortText("a\u0000b\ud800c")).toBe("a bc");
    expect(shortText("pay \u202egnp.exe\u2066")).toBe("pay gnp.exe");
  });
});

describe("the log", () => {
  const gathered = () => {
    const cuts: ActionsCut[] = [];
    return { cuts, log: new ActionLog(2000, (cut) => cuts.push(cut)) };
  };

  it("is in order within a segment, gaps included", () => {
    const { cuts, log } = gathered();
    log.add({ t: 30, kind: "keys", count: 1, ms: 1 });
    log.add({ t: 10, kind: "copy", length: 1 });
    log.gap({ from_ms: 15, to_ms: 25, reason: "blocked" });
    log.cut();
    const [{ text = "", fromMs, toMs } = {}] = cuts;
    expect(JSON.parse(text).map(({ t }: { t: number }) => t)).toEqual([10, 15, 30]);
    expect([fromMs, toMs]).toEqual([10, 30]);
  });

  it("is cut when its oldest entry waited long enough, and not while there is none", () => {
    const { cuts, log } = gathered();
    log.tick(10_000);
    log.add({ t: 10_000, kind: "copy", length: 1 });
    log.tick(11_999);
    expect(cuts).toHaveLength(0);
    log.tick(12_000);
    log.tick(20_000);
    expect(cuts).toHaveLength(1);
  });

  it("loses what is thrown away", () => {
    const { cuts, log } = gathered();
    for (const t of [1, 2, 3]) log.add({ t, kind: "copy", length: t });
    log.discard(2);
    log.cut();
    expect(cuts.map(({ text, toMs }) => [JSON.parse(text).length, toMs])).toEqual([[1, 1]]);
  });
});
