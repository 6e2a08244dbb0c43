// @vitest-environment node
/** What counts as an answer, and what becomes of a segment after it. */
import "./support/no-page";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Api } from "../src/transport/api";
import { Outbox } from "../src/transport/outbox";
import { resendOthers } from "../src/transport/resend";
import { Spool } from "../src/transport/spool";
import {
  acknowledged,
  answering,
  Owner,
  problem,
  type Said,
  spooled,
  visit,
  writer,
} from "./support/sending";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const api = (): Api => new Api("https://clerestory.example", "csw_test");

/** Sends one segment and waits until the server was asked so many times and said its last word. */
async function send(...said: Said[]): Promise<{ owner: Owner; outbox: Outbox; requests: string[] }> {
  const { requests } = answering(...said);
  const owner = new Owner();
  const outbox = new Outbox(api(), new Spool("here"), writer(), owner);
  outbox.attach(visit(), []);
  outbox.take('{"type":4}', 1);
  outbox.flush();
  await vi.waitFor(() => expect(requests.length).toBeGreaterThanOrEqual(said.length), 5000);
  return { owner, outbox, requests };
}

afterEach(() => vi.unstubAllGlobals());

const STRANGERS: readonly (readonly [string, Said])[] = [
  ["a maintenance page", { status: 200, body: "<h1>We are back soon</h1>" }],
  ["a success that names no segment", { status: 200, body: {} }],
  ["a success that names another segment", acknowledged(7)],
  ["a 404 while the server is replaced", { status: 404, body: "not found" }],
  ["a firewall's 403", { status: 403, body: "<h1>Forbidden</h1>" }],
  ["a portal's 401", { status: 401, body: "sign in" }],
  ["a problem of another server", { status: 403, body: { type: "https://proxy.example/blocked" } }],
];

describe("a segment on its way", () => {
  it.each(STRANGERS)("outlives %s", async (_, stranger) => {
    const { owner, outbox, requests } = await send(stranger, acknowledged(0));
    await vi.waitFor(() => expect(outbox.isEmpty).toBe(true));
    expect(owner.heard).toEqual(["acknowledged 1"]);
    expect(requests).toEqual(["PUT segments/0", "PUT segments/0"]);
  });

  it.each([
    [problem(403, "origin-not-allowed"), "refused origin-not-allowed"],
    [problem(410, "recording-closed"), "renew recording-closed"],
    [problem(422, "segment-malformed"), "lost damaged"],
    [{ status: 413, body: "Request Entity Too Large" }, "lost oversized"],
  ] as const)("is settled by %o", async (said, heard) => {
    const { owner, outbox } = await send(said);
    await vi.waitFor(() => expect(owner.heard).toEqual([heard]));
    expect(outbox.isEmpty).toBe(true);
  });
});

describe("the plain text of a segment", () => {
  it("is let go of once it is packed, also where nothing can be stored", async () => {
    const { requests } = answering(problem(503, "unavailable"));
    const put = vi.fn(() => Promise.reject(new Error("no room")));
    const outbox = new Outbox(api(), { put } as Partial<Spool> as Spool, writer(), new Owner());
    outbox.attach(visit(), []);
    const encode = vi.spyOn(TextEncoder.prototype, "encode");
    outbox.take(JSON.stringify({ type: 3, text: "a".repeat(5000) }), 1);
    const made = encode.mock.results.map(({ value }) => new WeakRef<Uint8Array>(value as Uint8Array));
    encode.mockRestore();
    outbox.flush();
    await vi.waitFor(() => expect(put).toHaveBeenCalled());
    await vi.waitFor(() => {
      collectGarbage();
      expect(made.map((ref) => ref.deref()?.length)).toEqual([undefined]);
    });
    expect(requests.length).toBeGreaterThan(0);
    expect(outbox.isEmpty).toBe(false);
    outbox.detach();
  });
});

it("the spool is opened again after the browser closed it", async () => {
  const opened: { onclose?: () => void; onversionchange?: () => void }[] = [];
  const asked = (result: unknown): object => {
    const request: { result: unknown; onsuccess?: () => void } = { result };
    queueMicrotask(() => request.onsuccess?.());
    return request;
  };
  const entries = { objectStore: () => ({ getAll: () => asked([]) }) };
  vi.stubGlobal("indexedDB", {
    open: () => {
      const database = { close: () => undefined, transaction: () => entries };
      opened.push(database);
      return asked(database);
    },
  });
  const spool = new Spool("here");
  await spool.list();
  await spool.list();
  expect(opened).toHaveLength(1);
  opened[0]?.onversionchange?.();
  await spool.list();
  opened[1]?.onclose?.();
  await spool.list();
  expect(opened).toHaveLength(3);
});

describe("a segment an earlier page left", () => {
  async function resend(...said: Said[]): Promise<{ removed: string[]; requests: string[] }> {
    const { requests } = answering(...said);
    const removed: string[] = [];
    const held = spooled(3);
    const spool: Partial<Spool> = {
      list: async () => [held],
      read: async () => held,
      remove: async (id) => void removed.push(id),
    };
    vi.stubGlobal("navigator", {
      locks: {
        request: (_: string, __: object, work: (lock: object) => unknown) => work({}),
        query: async () => ({ held: [] }),
      },
    });
    vi.spyOn(Math, "random").mockReturnValue(0);
    vi.useFakeTimers();
    try {
      const done = resendOthers(spool as Spool, api(), "wri_1", visit());
      await vi.advanceTimersByTimeAsync(60_000);
      await done;
    } finally {
      vi.useRealTimers();
      vi.restoreAllMocks();
    }
    return { removed, requests };
  }

  it.each(STRANGERS)("outlives %s", async (_, stranger) => {
    const { removed, requests } = await resend(stranger);
    expect(removed).toEqual([]);
    expect(requests.length).toBeGreaterThan(1);
  });

  it("outlives a server that is away when its token has run out", async () => {
    const { removed } = await resend(problem(401, "token-expired"), { status: 404, body: "" });
    expect(removed).toEqual([]);
  });

  it("goes once it is acknowledged", async () => {
    const { removed } = await resend(problem(503, "unavailable"), acknowledged(3));
    expect(removed).toEqual([spooled(3).id]);
  });
});
