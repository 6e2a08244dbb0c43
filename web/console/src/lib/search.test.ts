import { describe, expect, it } from "vitest";
import { parseAuditSearch } from "./auditFilter";
import { recordingIn } from "./places";
import { parsePlayerSearch, safePlace } from "./search";
import { linkToken } from "./signInLink";

describe("places one may be sent to after signing in", () => {
  it.each(["/recordings", "/recordings?last=7d#x", "/settings/sites/sit_1"])("%s stays here", (place) =>
    expect(safePlace(place)).toBe(place),
  );
  it.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "",
    7,
    null,
    "x",
  ])("%s leads nowhere", (place) => expect(safePlace(place)).toBeUndefined());
});

describe("the moment in a player's address", () => {
  it("takes whole milliseconds, as number or text", () => {
    expect(parsePlayerSearch({ t: 342_000 })).toEqual({ t: 342_000 });
    expect(parsePlayerSearch({ t: "342000" })).toEqual({ t: 342_000 });
  });
  it("reads which clip it is, and of which playlist only with its place in it", () => {
    const id = (kind: string) => `${kind}_${"a".repeat(32)}`;
    const raw = { clip: id("clp"), list: id("lst"), item: "3", side: "comments" };
    expect(parsePlayerSearch(raw)).toEqual({ ...raw, item: 3 });
    expect(parsePlayerSearch({ list: id("lst"), clip: "../x", side: "events" })).toEqual({});
  });
  it.each([-1, 1.5, "1e3", "soon", null])("drops %s", (t) => expect(parsePlayerSearch({ t })).toEqual({}));
});

describe("the audit sentence", () => {
  it("keeps what it knows", () => {
    expect(
      parseAuditSearch({ action: "play.start", outcome: "refused", last: "24h", entry: 12, actor: "psn_12" }),
    ).toEqual({ action: "play.start", outcome: "refused", last: "24h", entry: 12, actor: "psn_12" });
  });
  it("drops the rest", () => {
    expect(parseAuditSearch({ action: "Play; DROP", outcome: "maybe", entry: -3, actor: "<b>" })).toEqual({});
  });
});

describe("tokens and ids in texts", () => {
  it("takes a sign-in token out of a fragment", () => {
    expect(linkToken("#token=abcdefghijklmnop")).toBe("abcdefghijklmnop");
    expect(linkToken("#token=short")).toBeNull();
    expect(linkToken("")).toBeNull();
  });
  it("finds a recording's id in what was pasted", () => {
    const id = `rec_${"0198f3ab".repeat(4)}`;
    expect(recordingIn(`http://localhost:8700/recordings/${id}?t=5`)).toBe(id);
    expect(recordingIn("rec_123")).toBeNull();
  });
});
