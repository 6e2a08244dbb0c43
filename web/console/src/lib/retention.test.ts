import { describe, expect, test } from "vitest";
import { ApiError } from "../api/client";
import {
  brakeSentence,
  classOf,
  daysOf,
  duePanes,
  dueSentence,
  keptWords,
  readKept,
  shortens,
  sweepStanding,
  toldDue,
} from "./retention";

const problem = (slug: string, errors: { path: string; message: string }[]) =>
  new ApiError(
    {
      type: `urn:clerestory:problem:${slug}`,
      title: "",
      status: 409,
      detail: null,
      what_to_do: null,
      request_id: null,
      rule: null,
      entry: null,
      errors,
    },
    null,
  );

test("the setting of a class is told from others of retention", () => {
  expect(classOf("retention.activity.raw")).toBe("activity.raw");
  expect(classOf("retention.event.soft_deleted")).toBeNull();
  expect(classOf("retention.audit")).toBeNull();
  expect(classOf("replay")).toBeNull();
});

describe("durations", () => {
  test.each([
    ["P90D", 90],
    ["P1M", 30],
    ["P2W", 14],
    ["P1Y", 365],
    ["PT48H", 2],
    ["P1DT12H", 1.5],
  ])("%s is %d days", (iso, days) => expect(daysOf(iso)).toBe(days));

  test.each(["P", "PT", "90", "", null, 90, "P-1D"])("%s is none", (text) => expect(daysOf(text)).toBeNull());

  test("a century is until somebody deletes it", () => {
    expect(keptWords("P36525D")).toBe("until somebody deletes it");
    expect(keptWords("P400D")).toBe("400 days");
    expect(keptWords(null)).toBe("not readable");
  });
});

test("a bare number is days, words are read, nonsense is not", () => {
  expect(readKept(" 30 ")).toBe("P30D");
  expect(readKept("2 weeks")).toBe("P2W");
  expect(readKept("P1M")).toBe("P1M");
  expect(readKept("soon")).toBeUndefined();
  expect(readKept("Please")).toBeUndefined();
  expect(readKept("")).toBeUndefined();
});

test("only a shorter time shortens; what could not be read was kept for longer", () => {
  expect(shortens("P90D", "P30D")).toBe(true);
  expect(shortens("P90D", "P90D")).toBe(false);
  expect(shortens("P1M", "P4W")).toBe(true);
  expect(shortens("P30D", "P1M")).toBe(false);
  expect(shortens(null, "P30D")).toBe(true);
  expect(shortens("P90D", null)).toBe(false);
});

test("the number to confirm is read from the refusal that tells it, and from no other", () => {
  expect(toldDue(problem("retention-shortens", [{ path: "confirms", message: "1240" }]))).toBe(1240);
  expect(toldDue(problem("retention-shortens", [{ path: "confirms", message: "many" }]))).toBeNull();
  expect(toldDue(problem("retention-shortens", []))).toBeNull();
  expect(toldDue(problem("held", [{ path: "confirms", message: "3" }]))).toBeNull();
  expect(toldDue(new Error("no"))).toBeNull();
});

test("what would be due is said in numbers", () => {
  expect(dueSentence(0)).toMatch(/^Nothing/);
  expect(dueSentence(1)).toMatch(/^1 recording is older/);
  expect(dueSentence(12_400)).toMatch(/^12,400 recordings are older/);
  expect(brakeSentence({ due: 1, expected: 0 })).toMatch(/^1 recording is due to be erased, and 0 had/);
});

test("days are as full as they are many, against the fullest of both", () => {
  const day = (now: number, then: number) => ({ now, then });
  const panes = duePanes([day(0, 8), day(1, 2), day(4, 0)]);
  expect(panes.now).toEqual(["none", "a1", "a2"]);
  expect(panes.then).toEqual(["a4", "a1", "none"]);
});

test("a sweep waits until it is confirmed", () => {
  const sweep = {
    swept_at: null,
    swept: 0,
    waits_since: null,
    due: 0,
    expected: 0,
    confirmed_at: null,
    clock_in_doubt: false,
  };
  const at = "2026-11-22T10:00:00Z";
  expect(sweepStanding(sweep)).toBe("never");
  expect(sweepStanding({ ...sweep, swept_at: at })).toBe("done");
  expect(sweepStanding({ ...sweep, swept_at: at, waits_since: at })).toBe("waits");
  expect(sweepStanding({ ...sweep, waits_since: at, confirmed_at: at })).toBe("confirmed");
  expect(sweepStanding({ ...sweep, waits_since: at, clock_in_doubt: true })).toBe("stopped");
});
