// Requests must be cut out of a socket's bytes exactly, or a canary could hide between two of them.
import { describe, expect, test } from "vitest";
import { requestsIn } from "../lib/wire.mjs";

const read = (text) =>
  [...requestsIn(Buffer.from(text, "latin1"))].map(({ method, target, host, body }) => [
    method,
    target,
    host,
    body.toString("latin1"),
  ]);

describe("requestsIn", () => {
  test("cuts requests with and without bodies", () => {
    const sent =
      "GET /a HTTP/1.1\r\nHost: one\r\n\r\nPUT /b HTTP/1.1\r\nHost: two\r\nContent-Length: 5\r\n\r\nhelloPOST /c HTTP/1.1\r\nhost: three\r\ncontent-length: 0\r\n\r\n";
    expect(read(sent)).toEqual([
      ["GET", "/a", "one", ""],
      ["PUT", "/b", "two", "hello"],
      ["POST", "/c", "three", ""],
    ]);
  });
  test("keeps a chunked body with its framing", () => {
    const sent =
      "POST /a HTTP/1.1\r\nHost: one\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: one\r\n\r\n";
    expect(read(sent)).toEqual([
      ["POST", "/a", "one", "3\r\nabc\r\n0\r\n\r\n"],
      ["GET", "/b", "one", ""],
    ]);
  });
  test("gives the part of a body that was sent before the socket broke", () => {
    expect(read("PUT /a HTTP/1.1\r\nHost: one\r\nContent-Length: 99\r\n\r\npart")).toEqual([
      ["PUT", "/a", "one", "part"],
    ]);
  });
});
