import { describe, expect, it } from "vitest";
import { conditions, listQuery, parseListSearch, periodStart, withPart } from "./filters";

const now = new Date("2026-11-20T15:00:42.500Z");

describe("the sentence in the address", () => {
  it("reads what it knows", () => {
    const raw = {
      source: "web",
      site: "sit_0198f3",
      state: "active",
      last: "7d",
      longer: "1m",
      watched: "no",
    };
    expect(parseListSearch(raw)).toEqual(raw);
  });

  it("leaves out what it does not know, and keeps the rest", () => {
    const raw = {
      source: "camera",
      site: "../sites",
      state: "exploded",
      last: "7d",
      longer: 60,
      watched: true,
      other: "x",
    };
    expect(parseListSearch(raw)).toEqual({ last: "7d" });
  });

  it("is empty for an empty address", () => expect(parseListSearch({})).toEqual({}));
});

describe("what the API is asked", () => {
  it("turns words into the API's names and units", () => {
    expect(listQuery({ last: "24h", longer: "5m", watched: "yes" }, now)).toMatchObject({
      from: "2026-11-19T15:00:00.000Z",
      min_duration_ms: 300_000,
      watched: "yes",
    });
  });

  it("starts a period on a whole minute, so that the same question is asked for a minute", () => {
    expect(periodStart("1h", now)).toBe(periodStart("1h", new Date("2026-11-20T15:00:03Z")));
  });
});

describe("changing a part", () => {
  it("sets it and takes it out again", () => {
    expect(withPart({ last: "7d" }, "watched", "no")).toEqual({ last: "7d", watched: "no" });
    expect(withPart({ last: "7d", watched: "no" }, "watched", null)).toEqual({ last: "7d" });
  });

  it("asks for screens of no site", () => {
    expect(withPart({ site: "sit_1", last: "7d" }, "source", "screen")).toEqual({
      source: "screen",
      last: "7d",
    });
    expect(listQuery({ source: "screen" }, now)).toMatchObject({ source: "screen" });
  });

  it("asks for a day of UTC, and has no period beside it", () => {
    const search = withPart({ last: "7d", person: "per_1" }, "day", "2026-11-03");
    expect(search).toEqual({ person: "per_1", day: "2026-11-03" });
    expect(listQuery(search, now)).toMatchObject({
      person: "per_1",
      from: "2026-11-03T00:00:00.000Z",
      to: "2026-11-04T00:00:00.000Z",
    });
    expect(withPart(search, "last", "24h")).toEqual({ person: "per_1", last: "24h" });
    expect(parseListSearch({ day: "2026-13-45", person: "sub_1" })).toEqual({});
  });

  it("proposes the narrowest condition first", () => {
    expect(conditions({ site: "sit_1", longer: "5m" }).map((c) => c.key)).toEqual(["longer", "site"]);
    expect(conditions({})).toEqual([]);
  });
});
