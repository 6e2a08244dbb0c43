import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

/** The browser as the worker meets it when it begins; what is called is remembered. */
function browser(alarm: object | undefined) {
  const called: unknown[][] = [];
  const event = { addListener: () => {} };
  const events = () => new Proxy({}, { get: () => event });
  const storage = { get: async () => ({}), set: async () => {}, remove: async () => {} };
  vi.stubGlobal("chrome", {
    webNavigation: events(),
    windows: events(),
    tabs: events(),
    runtime: { onMessage: event, onStartup: event, onInstalled: event },
    alarms: {
      onAlarm: event,
      get: async () => alarm,
      create: async (...told: unknown[]) => called.push(["alarm", ...told]),
    },
    storage: {
      AccessLevel: { TRUSTED_CONTEXTS: "TRUSTED_CONTEXTS" },
      session: storage,
      local: { ...storage, setAccessLevel: async (told: unknown) => called.push(["access", told]) },
    },
  });
  return called;
}

describe("the worker, each time it begins", () => {
  beforeEach(() => vi.resetModules());
  afterEach(() => vi.unstubAllGlobals());

  it("keeps what is stored from scripts in pages", async () => {
    const called = browser(undefined);
    await import("../src/worker");
    await vi.waitFor(() => expect(called).toContainEqual(["access", { accessLevel: "TRUSTED_CONTEXTS" }]));
  });

  it("sets the alarm once, and does not set it back", async () => {
    const first = browser(undefined);
    await import("../src/worker");
    await vi.waitFor(() => expect(first.map(([what]) => what)).toContain("alarm"));
    vi.resetModules();
    const second = browser({ name: "leftovers" });
    await import("../src/worker");
    await vi.waitFor(() => expect(second).toHaveLength(1));
    expect(second.map(([what]) => what)).toEqual(["access"]);
  });
});
