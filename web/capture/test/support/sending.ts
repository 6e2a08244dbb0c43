/** What the tests of sending share: a visit, an owner that keeps what it is told, and answers in a row. */
import { createECDH } from "node:crypto";
import { vi } from "vitest";
import type { Visit } from "../../src/transport/api";
import type { OutboxOwner } from "../../src/transport/outbox";
import type { Spooled } from "../../src/transport/spool";
import type { Writer } from "../../src/transport/writer";

export const visit = (): Visit => {
  const spool = createECDH("prime256v1");
  spool.generateKeys();
  return {
    token: "tok_1",
    recording: "rec_1",
    track: "trk_1",
    nextSequence: 0,
    continued: false,
    serverTimeMs: Date.now(),
    policy: { document: "", signature: "" } as Visit["policy"],
    spoolKeyId: "spk_1",
    spoolKey: spool.getPublicKey().toString("base64url"),
    limits: { segmentBytes: 1024 * 1024, flushMs: 300, keyframeMs: 60_000, silenceMs: 60_000 },
  };
};

export function writer(): Writer {
  let next = 0;
  const drawn: Partial<Writer> = {
    id: "wri_1",
    draw: () => {
      next += 1;
      return next - 1;
    },
  };
  return drawn as Writer;
}

export class Owner implements OutboxOwner {
  readonly heard: string[] = [];
  policyVersion = (): number => 1;
  acknowledged = (version: number): unknown => this.heard.push(`acknowledged ${version}`);
  lost = (reason: string): unknown => this.heard.push(`lost ${reason}`);
  renew = (why: string): unknown => this.heard.push(`renew ${why}`);
  policyOutdated = (): unknown => this.heard.push("policy-outdated");
  refused = (reason: string): unknown => this.heard.push(`refused ${reason}`);
}

export const spooled = (sequence: number): Spooled => ({
  id: `rec_1/trk_1/${String(sequence).padStart(12, "0")}`,
  owner: "here",
  writer: "wri_0",
  recording: "rec_1",
  track: "trk_1",
  sequence,
  from: 1,
  to: 2,
  size: 3,
  keyId: "spk_1",
  token: "tok_0",
  policyVersion: 1,
  sealed: new Uint8Array([1, 2, 3]),
});

export interface Said {
  readonly status: number;
  readonly body: unknown;
}

export const acknowledged = (sequence: number): Said => ({
  status: 200,
  body: { acknowledged: sequence, policy_version: 1, bytes_stored: 1, repeated: false },
});

export const problem = (status: number, slug: string): Said => ({
  status,
  body: { type: `urn:clerestory:problem:${slug}`, status },
});

/** Answers requests in this order, and gives the list of those that came. The last answer stays. */
export function answering(...said: Said[]): { readonly requests: string[] } {
  const requests: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const { status, body } = said[Math.min(requests.length, said.length - 1)] ?? problem(500, "internal");
    requests.push(`${init.method} ${new URL(url).pathname.split("/capture/")[1]}`);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return new Response(text, { status, headers: { "Retry-After": "0" } });
  });
  return { requests };
}
