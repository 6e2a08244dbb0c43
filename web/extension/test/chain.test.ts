import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Chain } from "../src/media/chain";

describe("a chain of steps", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("goes on after steps that fail, throw or never end, and says so each time", async () => {
    const done: string[] = [];
    let failures = 0;
    const chain = new Chain(() => {
      failures += 1;
      if (failures === 1) throw new Error("not even that");
    });
    vi.spyOn(console, "error").mockImplementation(() => {});
    void chain.add(() => {
      throw new Error("thrown");
    });
    void chain.add(async () => {
      throw new Error("rejected");
    });
    void chain.add(() => new Promise(() => {}));
    const last = chain.add(() => {
      done.push("last");
    });
    await vi.advanceTimersByTimeAsync(6000);
    await last;
    expect([done, failures]).toEqual([["last"], 3]);
  });
});
