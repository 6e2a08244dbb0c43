import { describe, expect, it } from "vitest";
import { durationWords, fieldText, groupOf, originOf, readValue, valueWords } from "./settings";

describe("values", () => {
  it("are told in words", () => {
    expect(["P90D", "P1M", "PT30M", "P1DT12H", "P400D", "never"].map(durationWords)).toEqual([
      "90 days",
      "1 month",
      "30 minutes",
      "1 day, 12 hours",
      "400 days",
      "never",
    ]);
    expect([valueWords("switch", true), valueWords("set", []), valueWords("set", ["a", "b"])]).toEqual([
      "on",
      "nothing",
      "a, b",
    ]);
    expect(valueWords("word", null)).toBe("not readable");
  });

  it("are read as they are typed", () => {
    expect([
      readValue("switch", "on"),
      readValue("number", " 12 "),
      readValue("duration", "90 days"),
      readValue("duration", "1 Month"),
      readValue("duration", "PT30M"),
      readValue("set", "a\nb, c"),
      readValue("word", "reports"),
    ]).toEqual([true, 12, "P90D", "P1M", "PT30M", ["a", "b", "c"], "reports"]);
    for (const [kind, text] of [
      ["switch", "perhaps"],
      ["number", "many"],
      ["number", ""],
      ["duration", "soon"],
      ["word", " "],
    ] as const) {
      expect(readValue(kind, text)).toBeUndefined();
    }
  });

  it("come back from their field as they went in", () => {
    for (const [kind, value] of [
      ["switch", false],
      ["duration", "P90D"],
      ["duration", "P1DT12H"],
      ["set", ["a", "b"]],
      ["word", "reports"],
      ["number", 7],
    ] as const) {
      expect(readValue(kind, fieldText(kind, value))).toEqual(value);
    }
  });
});

describe("where a value comes from", () => {
  const step = (level: string, outcome: string) => ({
    place: { level, id: null },
    value: true,
    lock: null,
    outcome,
    after: true,
    version: 1,
    set_at: null,
    set_by: null,
    reason: null,
  });
  it("is the nearest that counts", () => {
    expect(originOf({ steps: [] })).toBe("as the program comes");
    expect(originOf({ steps: [step("organisation", "holds")] })).toBe("said for the organisation");
    expect(originOf({ steps: [step("organisation", "holds"), step("project", "overruled")] })).toBe(
      "said for the organisation",
    );
  });
  it("has a group by its name", () => {
    expect([groupOf("retention.replay"), groupOf("newthing.x")]).toEqual([
      "How long things are kept",
      "Newthing",
    ]);
  });
});
