import { afterEach, describe, expect, it, vi } from "vitest";
import { Looks } from "./looks";
import { addRange, total } from "./watched";

const range = (from_us: number, to_us: number) => ({ from_us, to_us });

describe("ranges", () => {
  it("are in order and joined where they meet or nearly do", () => {
    expect(addRange([range(5e6, 6e6)], range(0, 1e6))).toEqual([range(0, 1e6), range(5e6, 6e6)]);
    expect(addRange([range(0, 1e6)], range(1.5e6, 3e6))).toEqual([range(0, 3e6)]);
    expect(addRange([range(0, 9e6)], range(2e6, 3e6))).toEqual([range(0, 9e6)]);
  });
  it("of no length add nothing", () => {
    expect(addRange([], range(5, 5))).toEqual([]);
  });
  it("have a sum", () => {
    expect(total([range(0, 1e6), range(5e6, 6e6)])).toBe(2e6);
  });
});

describe("looks", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("are what was played, not what was passed over", () => {
    const seen: unknown[] = [];
    const looks = new Looks((one) => seen.push(one));
    looks.at(1000);
    looks.at(1500);
    looks.stop();
    looks.at(9000);
    looks.at(9200);
    looks.stop();
    expect(seen).toEqual([range(1e6, 1.5e6), range(9e6, 9.2e6)]);
    expect(looks.take()).toEqual([range(1e6, 1.5e6), range(9e6, 9.2e6)]);
    expect(looks.take()).toEqual([]);
  });
  it("that could not be told are told the next time, and only those", async () => {
    const looks = new Looks(() => undefined);
    for (const from of [0, 5000, 10_000]) {
      looks.at(from);
      looks.at(from + 500);
      looks.stop();
    }
    const answers = [204, 503, 204, 204];
    const told: unknown[] = [];
    vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
      const status = answers.shift() ?? 204;
      if (status === 204) told.push(JSON.parse(String(init.body)));
      return new Response(status === 204 ? null : "{}", { status });
    });
    await expect(looks.report("ply_1")).rejects.toThrow();
    await looks.report("ply_1");
    expect(told).toEqual([range(0, 500_000), range(5_000_000, 5_500_000), range(10_000_000, 10_500_000)]);
  });
});
