import type { DataRequest } from "../api/types";

/** A request of a recorded person with an account, which nobody has answered. */
export const request: DataRequest = {
  id: "dsr_1",
  kind: "erase",
  state: "open",
  about: { id: "sub_1", label: "Cleo", person: "per_3" },
  asked_by: { id: "per_3", name: "Cleo", initials: "C" },
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
  theirs_alone: true,
  erasure: null,
};
