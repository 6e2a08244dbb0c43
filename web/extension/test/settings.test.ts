import { afterEach, describe, expect, it, vi } from "vitest";
import { readEnrolment, readLeave, readReceipt, readWatching } from "../src/server/server";
import {
  managed,
  managedLink,
  raisePolicyFloor,
  readJoinLink,
  readPolicyFloor,
  serverOrigin,
} from "../src/settings";

const code = `cre_${"a1".repeat(16)}`;

describe("a link to join", () => {
  it.each([
    [`https://clerestory.example/enrol#code=${code}`, "https://clerestory.example"],
    [`https://clerestory.example:8443/enrol#code=${code}`, "https://clerestory.example:8443"],
    [`http://localhost:8700/enrol#code=${code}`, "http://localhost:8700"],
  ])("%s", (link, server) => {
    expect(readJoinLink(link)).toEqual({ server, code });
  });

  it.each([
    "",
    `http://clerestory.example/enrol#code=${code}`,
    `https://clerestory.example/other#code=${code}`,
    "https://clerestory.example/enrol#code=csk_123456789",
    `https://clerestory.example/enrol?code=${code}`,
    `javascript:alert(1)//enrol#code=${code}`,
  ])("is none: %s", (link) => {
    expect(readJoinLink(link)).toBeNull();
  });

  it("names no server that could be listened in on", () => {
    expect(serverOrigin("http://127.0.0.1:1/x")).toBe("http://127.0.0.1:1");
    expect(serverOrigin("http://localhost.evil.example/")).toBeNull();
    expect(serverOrigin("ftp://a.example")).toBeNull();
  });
});

/** What is stored, and what the organisation fixed. */
function stored(kept: Record<string, unknown>, fixed: Record<string, unknown> = {}) {
  const area = (rows: Record<string, unknown>) => ({
    get: async () => ({ ...rows }),
    set: async (more: Record<string, unknown>) => void Object.assign(rows, more),
  });
  vi.stubGlobal("chrome", { storage: { local: area(kept), managed: area(fixed) } });
}

describe("what the organisation fixed", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("is read strictly: what cannot be used leaves no choice of a server", async () => {
    stored({}, { server: "https://a.example/x", label: "  till 4 ", code, frames_per_second: 5 });
    expect(await managed()).toEqual({
      server: "https://a.example",
      label: "till 4",
      code,
      framesPerSecond: 5,
    });
    stored({}, { server: "ftp://a.example", label: " ", code: "crt_12345678", frames_per_second: 90 });
    expect(await managed()).toEqual({ server: "", label: null, code: null, framesPerSecond: 15 });
  });

  it("is a link to join with, until it was tried", async () => {
    const fixed = { server: "https://a.example", label: null, code, framesPerSecond: 15 };
    stored({});
    expect(await managedLink(fixed)).toBe(`https://a.example/enrol#code=${code}`);
    expect(await managedLink({ ...fixed, server: null })).toBeNull();
    stored({ triedCode: code });
    expect(await managedLink(fixed)).toBeNull();
  });
});

describe("the highest version believed", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("is of the key that signed, goes up only, and is not lost by leaving", async () => {
    const kept: Record<string, unknown> = { enrolment: {} };
    stored(kept);
    await raisePolicyFloor("key", 7);
    await raisePolicyFloor("key", 3);
    kept.enrolment = undefined;
    expect([await readPolicyFloor("key"), await readPolicyFloor("other")]).toEqual([7, 0]);
  });
});

describe("what the server answers", () => {
  const leave = {
    token: "cit_1",
    recording: "rec_1",
    continued: true,
    tracks: {
      video: { id: "trk_1", next_sequence: 4 },
      audio: null,
      actions: { id: "trk_2", next_sequence: 0 },
    },
    server_time_ms: 5,
    policy: { document: "e30", signature: "AA" },
    spool: { key_id: "key_1", public_key: "AA" },
    limits: { segment_bytes: 1000, segment_ms: 3000 },
  };

  it("is read where everything is there", () => {
    expect(readLeave(leave)).toMatchObject({
      continued: true,
      tracks: { video: { nextSequence: 4 }, audio: null },
      segmentMs: 3000,
      spoolKeyId: "key_1",
    });
  });

  it.each(["token", "recording", "tracks", "server_time_ms", "policy", "spool"])(
    "is nothing without %s",
    (field) => {
      expect(readLeave({ ...leave, [field]: undefined })).toBeNull();
    },
  );

  it("is a receipt only for the segment that was sent", () => {
    const answer = { status: 200, slug: "", retryAfterMs: null, body: { acknowledged: 3, sha256: "ab" } };
    expect(readReceipt(answer, 3)).toBe("ab");
    expect(readReceipt(answer, 4)).toBeNull();
    expect(readReceipt({ ...answer, status: 201 }, 3)).toBeNull();
  });

  it("tells who watches, and makes nothing of what is not understood", () => {
    expect(
      readWatching({ watching: [{ name: "Ada", since: "x" }, 7], policy_digest: "1512140388c21ff2" }),
    ).toEqual({
      watchers: [{ name: "Ada", since: "x" }],
      digest: "1512140388c21ff2",
    });
    expect(readWatching({})).toEqual({ watchers: [], digest: null });
  });

  it("makes a browser a recorder only with all that is needed", () => {
    const body = {
      recorder: "rcr_1",
      token: "crt_1",
      policy_public_key: "AA",
      person: { name: "Ada" },
      organisation: { name: "Fernwick" },
    };
    expect(readEnrolment("https://a.example", body)).toMatchObject({ token: "crt_1", person: "Ada" });
    expect(readEnrolment("https://a.example", { ...body, policy_public_key: "" })).toBeNull();
  });
});
