import { afterEach, describe, expect, it, vi } from "vitest";
import { leftAnything } from "../src/spool/left";

type Tree = { readonly [name: string]: Tree | string };

/** The private files of an origin, as far as they are read. */
function folder(tree: Tree): object {
  const missing = () => new DOMException("no such file", "NotFoundError");
  const handle = (name: string): object => {
    const found = tree[name];
    if (found === undefined) throw missing();
    return typeof found === "string"
      ? { kind: "file", getFile: async () => ({ text: async () => found }) }
      : folder(found);
  };
  return {
    kind: "directory",
    keys: async function* () {
      yield* Object.keys(tree);
    },
    values: async function* () {
      yield* Object.keys(tree).map(handle);
    },
    getFileHandle: async (name: string) => handle(name),
    getDirectoryHandle: async (name: string) => handle(name),
  };
}

const left = (tree: Tree): Promise<boolean> => {
  vi.stubGlobal("navigator", { storage: { getDirectory: async () => folder(tree) } });
  return leftAnything();
};

describe("whether anything was left", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("is no where nothing was ever recorded, or only an empty folder is there", async () => {
    expect(await left({})).toBe(false);
    expect(await left({ runs: { a: {} } })).toBe(false);
  });

  it("is not hidden by a folder with nothing in it", async () => {
    const segment = "video-000000000001-1-1-2.sealed";
    expect(await left({ runs: { a: {}, b: { [segment]: "", "run.json": "{}" } } })).toBe(true);
  });

  it("is yes where what is known of a run cannot be read: somebody has to put it away", async () => {
    expect(await left({ runs: { a: { "run.json": "{" } } })).toBe(true);
  });
});
