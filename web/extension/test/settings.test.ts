import { describe, expect, it } from "vitest";
import { readEnrolment, readLeave, readReceipt, readWatching } from "../src/server/server";
import { readJoinLink, serverOrigin } from "../src/settings";

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
    expect(readWatching({ watching: [{ name: "Ada", since: "x" }, 7], policy_version: 2 })).toEqual({
      watchers: [{ name: "Ada", since: "x" }],
      version: 2,
    });
    expect(readWatching({})).toEqual({ watchers: [], version: 0 });
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
