import { describe, expect, it } from "vitest";
import { ApiError } from "../api/client";
import { type Asking, againIn, type Entered, Riding } from "./riding";

const refusal = (status: number) =>
  new ApiError(
    {
      type: "urn:clerestory:problem:x",
      title: "x",
      status,
      detail: null,
      what_to_do: null,
      request_id: null,
      rule: null,
      entry: null,
      errors: [],
    },
    null,
  );

/** A server with `pages` pages that puts each asking without an entry on record and knows entries from `oldest` on. */
function server(pages: string[]) {
  const state = { recorded: 0, oldest: 1, asked: [] as [string | null, number | null][], pages };
  const ask: Asking<Entered> = async (cursor, continues) => {
    state.asked.push([cursor, continues]);
    if (continues !== null && continues < state.oldest) throw refusal(404);
    if (continues === null) state.recorded += 1;
    const at = cursor === null ? 0 : state.pages.indexOf(cursor);
    return { entry: continues ?? state.recorded, next_cursor: state.pages[at + 1] ?? null };
  };
  return { state, ask };
}

describe("riding on an entry", () => {
  it("asks the first time without one, and then on the one it got", async () => {
    const { state, ask } = server(["first"]);
    const riding = new Riding();
    for (let n = 0; n < 3; n += 1) await riding.page(null, ask);
    expect(state.asked).toEqual([
      [null, null],
      [null, 1],
      [null, 1],
    ]);
  });
  it("puts each further page on record once", async () => {
    const { state, ask } = server(["first", "b", "c"]);
    const riding = new Riding();
    for (let round = 0; round < 2; round += 1)
      for (const cursor of [null, "b", "c"]) await riding.page(cursor, ask);
    expect(state.recorded).toBe(3);
    expect(state.asked.slice(3)).toEqual([
      [null, 1],
      ["b", 2],
      ["c", 3],
    ]);
  });
  it("keeps the entry of a page whose cursor moved", async () => {
    const { state, ask } = server(["first", "b"]);
    const riding = new Riding();
    await riding.page(null, ask);
    await riding.page("b", ask);
    state.pages = ["first", "a"];
    await riding.page(null, ask);
    await riding.page("a", ask);
    expect(state.asked.at(-1)).toEqual(["a", 2]);
    expect(state.recorded).toBe(2);
  });
  it("asks anew where the entry is too old, and rides on the new one", async () => {
    const { state, ask } = server(["first"]);
    const riding = new Riding();
    await riding.page(null, ask);
    state.oldest = 2;
    const answer = await riding.page(null, ask);
    expect(answer.entry).toBe(2);
    await riding.page(null, ask);
    expect(state.asked).toEqual([
      [null, null],
      [null, 1],
      [null, null],
      [null, 2],
    ]);
  });
  it("lets any other failure through, without asking twice", async () => {
    const riding = new Riding();
    await riding.page(null, server(["first"]).ask);
    let asked = 0;
    const refuse = async () => {
      asked += 1;
      throw refusal(403);
    };
    await expect(riding.page(null, refuse)).rejects.toThrow(ApiError);
    expect(asked).toBe(1);
  });
  it("does not hide that the list itself is not there", async () => {
    const refuse = async () => {
      throw refusal(404);
    };
    await expect(new Riding().page(null, refuse)).rejects.toThrow(ApiError);
  });
});

describe("asking again", () => {
  it("goes on while all is well, slower after a failure, never after a refusal", () => {
    expect(againIn(2000, true, null)).toBe(2000);
    expect(againIn(2000, true, refusal(503))).toBe(10_000);
    expect(againIn(2000, true, refusal(403))).toBe(false);
  });
  it("leaves it to the page where nothing is shown", () =>
    expect(againIn(2000, false, refusal(503))).toBe(false));
});
