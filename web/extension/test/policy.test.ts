import { describe, expect, it } from "vitest";
import screens from "../../../policies/vectors/screens.json";
import { isExcluded } from "../src/policy/pages";
import { digestOf, endsAtMs, parseScreenPolicy, verifyScreenPolicy } from "../src/policy/screen";
import { policyAt, policyKey, recorder, signed } from "./support";

const DAY = 24 * 60 * 60_000;
const NOW = 1_795_441_802_560;
const document = policyAt(NOW);
const key = policyKey;

const verify = (content: unknown, over: Partial<{ key: string; now: number; before: number }> = {}) =>
  verifyScreenPolicy(content, { key, recorder, now: NOW, before: 0, ...over });

describe("a policy for screens", () => {
  it("is read", async () => {
    const verified = await verify(signed(document));
    expect(verified).toMatchObject({ policy: { version: 7, surfaces: ["tab", "window"], pause: "reason" } });
  });

  it.each([
    ["no field too many", { ...document, more: 1 }],
    ["none too few", { ...document, audio: undefined }],
    ["a mode that is known", { ...document, urls: { mode: "mask", patterns: [] } }],
    ["rules that are understood", { ...document, urls: { mode: "block", patterns: ["ftp://x"] } }],
    ["surfaces that are known", { ...document, surfaces: ["camera"] }],
    ["a format that is known", { ...document, format: "clerestory screen policy 2" }],
    ["times", { ...document, expires_at_ms: "soon" }],
    [
      "a notice with its text under http or https",
      { ...document, notice: { version: "1", basis: "x", text_url: "javascript:1" } },
    ],
    ["exceptions beside what it lets in", { ...document, urls: { mode: "allow", patterns: [] } }],
    ["them nowhere else", { ...document, urls: { mode: "block", patterns: [], except: [] } }],
    ["whom it is for", { ...document, recorder: null }],
  ])("has %s", async (_, content) => {
    expect(await parseScreenPolicy(JSON.parse(JSON.stringify(content)))).toBeNull();
  });

  it("is of this browser", async () => {
    const other = signed({ ...document, recorder: "rcr_01ARZ3NDEKTSV4RRFFQ69G5FAW" });
    expect(await verify(other)).toEqual({ refused: "policy-of-another" });
  });

  it.each(screens.digests)(
    "is told from others by what it says: $name",
    async ({ document: said, digest }) => {
      expect(await digestOf(said)).toBe(digest);
    },
  );

  it.each(screens.pages)("keeps pages out as the server does: $urls", async ({ urls, cases }) => {
    const policy = await parseScreenPolicy({ ...document, urls });
    for (const { url, kept_out: out } of cases)
      expect([url, policy && isExcluded(policy.pages, url, false)]).toEqual([url, out]);
  });

  it("is refused where it is not what the key signed, in the form that was signed", async () => {
    const { signature } = signed(document);
    const other = signed({ ...document, recording: true, version: 8 });
    expect(await verify({ document: other.document, signature })).toEqual({ refused: "policy-signature" });
    expect(await verify(signed(document, (value) => JSON.stringify(value, null, 1)))).toEqual({
      refused: "policy-malformed",
    });
    expect(await verify(null)).toEqual({ refused: "policy-malformed" });
    expect(await verify(signed(document), { key: key.replace(/..$/, "AA") })).toEqual({
      refused: "policy-signature",
    });
  });

  it("ends when it says, and after a day whatever it says", async () => {
    expect(await verify(signed(document), { now: NOW + 3_600_000 })).toEqual({ refused: "policy-expired" });
    const long = { ...document, expires_at_ms: NOW + 30 * DAY };
    expect(await verify(signed(long), { now: NOW + DAY })).toEqual({ refused: "policy-expired" });
    const policy = await parseScreenPolicy(long);
    expect(policy && endsAtMs(policy)).toBe(NOW - 1000 + DAY);
  });

  it("is not from the future, and not older than the one in force", async () => {
    expect(await verify(signed(document), { now: NOW - 10 * 60_000 })).toEqual({
      refused: "policy-not-yet-valid",
    });
    expect(await verify(signed(document), { before: 8 })).toEqual({ refused: "policy-older" });
  });
});
