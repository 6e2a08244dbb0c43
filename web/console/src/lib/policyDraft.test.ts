import { describe, expect, it } from "vitest";
import type { PolicyDocument } from "../api/types";
import { documentOf, rebased, sameDraft, wayOf, withRule, withUrl } from "./policyDraft";

const draft: PolicyDocument = {
  preset: "private",
  media: "blocked",
  exclude: ["#card"],
  mask: [".total"],
  unmask: ["nav"],
  urls: { deny: ["/account/**"], allow: [] },
};

describe("rules", () => {
  it("stand in one list only", () => {
    const next = withRule(draft, "#card", "unmask");
    expect(next.exclude).toEqual([]);
    expect(next.unmask).toEqual(["nav", "#card"]);
    expect(wayOf(next, "#card")).toBe("unmask");
  });
  it("are taken out by null, and the draft before stays as it was", () => {
    expect(wayOf(withRule(draft, "nav", null), "nav")).toBeNull();
    expect(draft.unmask).toEqual(["nav"]);
  });
  it("of addresses are set once", () => {
    expect(withUrl(draft, "deny", "/account/**", true).urls.deny).toEqual(["/account/**"]);
    expect(withUrl(draft, "allow", "/shop/**", true).urls).toEqual({
      deny: ["/account/**"],
      allow: ["/shop/**"],
    });
    expect(withUrl(draft, "deny", "/account/**", false).urls.deny).toEqual([]);
  });
});

describe("drafts", () => {
  it("are the same in another order, and not with another rule", () => {
    const two = withRule(draft, "#phone", "exclude");
    expect(sameDraft(two, { ...two, exclude: [...two.exclude].reverse() })).toBe(true);
    expect(sameDraft(two, draft)).toBe(false);
    expect(sameDraft(draft, { ...draft, media: "allowed" })).toBe(false);
  });
  it("follow a newer version where nothing was changed in them", () => {
    const signed = withRule(draft, "#phone", "exclude");
    expect(rebased(draft, { ...draft, exclude: [...draft.exclude] }, signed)).toBe(signed);
  });
  it("keep their own changes in a newer version, and undo none of it", () => {
    const mine = withUrl(
      withRule(withRule(draft, "nav", null), ".total", "exclude"),
      "allow",
      "/shop/**",
      true,
    );
    const theirs = withUrl(withRule(draft, "#phone", "mask"), "deny", "/admin/**", true);
    const next = rebased(draft, { ...mine, media: "allowed" }, theirs);
    expect(next).toEqual({
      preset: "private",
      media: "allowed",
      exclude: ["#card", ".total"],
      mask: ["#phone"],
      unmask: [],
      urls: { deny: ["/account/**", "/admin/**"], allow: ["/shop/**"] },
    });
  });
  it("are read from a signed policy, with text outside ASCII", () => {
    const whole = {
      ...draft,
      exclude: [".größe"],
      format: "clerestory-capture-policy/1",
      version: 7,
      site: "sit_1",
    };
    const bytes = new TextEncoder().encode(JSON.stringify(whole));
    const document = btoa(String.fromCharCode(...bytes))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
    const signed = { version: 7, document, signature: "", key: "", issued_at: "", expires_at: "" };
    expect(documentOf(signed)).toEqual({ ...draft, exclude: [".größe"] });
  });
});
