import { describe, expect, it } from "vitest";
import { Ear, hearsOthers } from "../src/run/ear";

function sources(count: number) {
  const stopped: number[] = [];
  const stream = (at: number) => ({ getTracks: () => [{ stop: () => stopped.push(at) }] });
  const sounds = Array.from({ length: count }, (_, at) => ({
    stream: stream(at) as unknown as MediaStream,
    audible: true,
  }));
  return { stopped, sources: { sounds, hears: { page: count > 0, microphone: false } } };
}

describe("the ear", () => {
  it("hears nothing more once the policy allows no sound, and not again when it does", async () => {
    const made = sources(2);
    let ended = 0;
    const stop = async () => {
      ended += 1;
    };
    const ear = new Ear(made.sources, true, () => ({ stop }));
    await ear.follow(true);
    expect([ear.hears.page, made.stopped]).toEqual([true, []]);
    await ear.follow(false);
    await ear.follow(true);
    await ear.stop();
    expect([ear.hears, made.stopped.slice(0, 2), ended]).toEqual([
      { page: false, microphone: false },
      [0, 1],
      1,
    ]);
  });

  it.each([
    ["tab", true, false, false],
    ["tab", false, true, true],
    ["screen", true, false, true],
    ["window", false, false, false],
  ] as const)("hears other tabs or not: %s, page %s, microphone %s", (surface, page, microphone, hears) => {
    expect(hearsOthers({ surface }, { page, microphone })).toBe(hears);
  });

  it("lets go of what it was given where sound is not allowed from the start", () => {
    const made = sources(1);
    const ear = new Ear(made.sources, false, () => {
      throw new Error("nobody may listen");
    });
    expect([ear.hears.page, made.stopped]).toEqual([false, [0]]);
  });
});
