import { expect, it } from "vitest";
import type { DataRequest } from "../api/types";
import { available, kindName, standing, waits } from "./requests";

const now = new Date("2026-11-22T09:00:00Z");

const open: DataRequest = {
  id: "dsr_1",
  kind: "export",
  state: "open",
  about: { id: "sub_1", label: "Ada", person: "per_1" },
  asked_by: { id: "per_1", name: "Ada", initials: "A" },
  asked_at: "2026-11-20T09:00:00Z",
  due_at: "2026-12-20T09:00:00Z",
  overdue: false,
  words: null,
  extended_at: null,
  extension_reason: null,
  decided_by: null,
  decided_at: null,
  answer: null,
  available_until: null,
  erasure: null,
};

it("says how a request stands", () => {
  expect(standing(open, now)).toMatch(/^due in 4 weeks|^due in 28 d/);
  expect(standing({ ...open, overdue: true }, now)).toMatch(/^was due on /);
  expect(standing({ ...open, state: "declined" }, now)).toBe("declined");
  const erasure = { id: "era_1", state: "restricted", means: "" };
  expect(standing({ ...open, kind: "erase", erasure }, now)).toBe("kept by a legal hold");
  expect(standing({ ...open, kind: "erase", erasure: { ...erasure, state: "shredded" } }, now)).toBe(
    "being erased",
  );
  expect(standing({ ...open, kind: "erase", state: "done" }, now)).toBe("erased");
});

it("waits for somebody until it is decided, and is had until its time is over", () => {
  expect(waits(open)).toBe(true);
  expect(waits({ ...open, state: "done" })).toBe(false);
  expect(waits({ ...open, erasure: { id: "era_1", state: "purge_queued", means: "" } })).toBe(false);
  expect(available({ ...open, available_until: "2026-11-22T09:00:01Z" }, now)).toBe(true);
  expect(available({ ...open, available_until: "2026-11-22T09:00:00Z" }, now)).toBe(false);
});

it("calls a kind it does not know by its own word", () => {
  expect(kindName("erase")).toBe("To be erased");
  expect(kindName("rectify")).toBe("rectify");
});
