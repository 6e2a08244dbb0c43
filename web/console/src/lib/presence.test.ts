import * as v from "valibot";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../api/client";
import { watchPresence } from "./presence";

const sent: Headers[] = [];
let leave = () => {};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    sent.push(new Headers(init.headers));
    return new Response("{}", { status: 200, headers: { "Content-Type": "application/json" } });
  });
  leave = watchPresence();
});

afterEach(() => {
  leave();
  sent.length = 0;
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a page that nobody has touched for a minute says that it asks by itself", async () => {
  const ask = () => call("GET", "/health", v.unknown());
  await ask();
  vi.advanceTimersByTime(61_000);
  await ask();
  window.dispatchEvent(new Event("pointermove"));
  await ask();
  expect(sent.map((headers) => headers.get("Clerestory-Background"))).toEqual([null, "1", null]);
});
