import type { Answer } from "@clerestory/capture/src/transport/ask";
import { describe, expect, it } from "vitest";
import { PolicyKeeper } from "../src/run/keeper";
import { policyAt, policyKey, signed } from "./support";

const answer = (status: number, body = {}): Answer => ({ status, slug: "", body, retryAfterMs: null });

function keeper(fetch: () => Answer = () => answer(0)) {
  const clock = { serverMs: Date.now(), deviceMs: Date.now(), steadyMs: performance.now() };
  return new PolicyKeeper(policyKey, clock, async () => fetch());
}

describe("the policy in force", () => {
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
