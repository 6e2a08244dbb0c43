import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Hello, nothingYet, PreviewMessage, previewReducer } from "./preview";

const event = (type: number) => ({ type, timestamp: 1, data: {} });

describe("messages from the page", () => {
  it("are refused in any other shape", () => {
    expect(v.is(PreviewMessage, { kind: "events", events: "all" })).toBe(false);
    expect(v.is(PreviewMessage, { kind: "counts", shown: "1" })).toBe(false);
    expect(v.is(PreviewMessage, { kind: "run", code: "x" })).toBe(false);
    expect(v.is(Hello, { clerestory: "preview-ready", url: "https://elsewhere.example/" })).toBe(false);
  });
});

describe("what is known about the page", () => {
  it("begins anew with a whole picture and goes on otherwise", () => {
    const whole = previewReducer(nothingYet, {
      kind: "events",
      events: [event(4), event(2)],
      bytes: 9,
      reset: true,
    });
    const later = previewReducer(whole, { kind: "events", events: [event(3)], bytes: 3, reset: false });
    expect(later.events).toHaveLength(3);
    expect(later.picture).toBe(whole.picture);
    expect(
      previewReducer(later, { kind: "events", events: [event(4)], bytes: 1, reset: true }).events,
    ).toHaveLength(1);
  });

  it("forgets the page before at a hello", () => {
    const denied = previewReducer(nothingYet, { kind: "denied", url: "/account" });
    expect(denied.denied).toBe(true);
    expect(previewReducer(denied, { kind: "hello", url: "/checkout" })).toMatchObject({
      url: "/checkout",
      denied: false,
      picked: null,
      events: [],
    });
  });
});
