import type { Answer } from "@clerestory/capture/src/transport/ask";
import { describe, expect, it } from "vitest";
import { PolicyKeeper } from "../src/run/keeper";
import { policyAt, policyKey, recorder, signed } from "./support";

const answer = (status: number, body = {}): Answer => ({ status, slug: "", body, retryAfterMs: null });

function keeper(fetch: () => Answer = () => answer(0), floor = 0) {
  const clock = { serverMs: Date.now(), deviceMs: Date.now(), steadyMs: performance.now() };
  return new PolicyKeeper({ policyKey, recorder }, clock, floor, async () => fetch());
}

describe("the policy in force", () => {
  it("is none older than any that was ever believed here", async () => {
    const made = keeper(undefined, 8);
    expect(await made.accept(signed(policyAt(Date.now())))).toBe(false);
    expect(made.against("tab", "2026-1")).toBe("policy-older");
    expect(await made.accept(signed(policyAt(Date.now(), { version: 8 })))).toBe(true);
  });

  it("runs out by what was signed, where the server tells an earlier time", async () => {
    const late = Date.now() + 200_000;
    const made = keeper();
    await made.accept(signed(policyAt(late, { expires_at_ms: late + 1000 })));
    const old = { version: 8, issued_at_ms: late - 100_000, expires_at_ms: late - 5000 };
    expect(await made.accept(signed(policyAt(late, old)))).toBe(false);
  });

  it("is asked for again after an answer that cannot be believed, now and then", async () => {
    const made = keeper();
    await made.accept(signed(policyAt(Date.now())));
    expect(made.isToRetry(20_000)).toBe(false);
    await made.accept({});
    expect([20_000, 21_000, 30_001].map((at) => made.isToRetry(at))).toEqual([true, false, true]);
    await made.accept(signed(policyAt(Date.now())));
    expect(made.isToRetry(60_000)).toBe(false);
  });

  it("allows nothing once it has another notice than the person was shown", async () => {
    const made = keeper();
    await made.accept(signed(policyAt(Date.now())));
    expect(made.against("tab", "2026-1")).toBeNull();
    const notice = { version: "2026-2", basis: "works agreement", text_url: null };
    await made.accept(signed(policyAt(Date.now(), { version: 8, notice })));
    expect(made.against("tab", "2026-1")).toBe("notice-needed");
    await made.accept(signed(policyAt(Date.now(), { version: 9, notice: null })));
    expect(made.against("tab", "2026-2")).toBe("notice-needed");
  });
});
