// What really left the browser: Chromium's own log of every byte its sockets sent. Requests that outlive their page
// (keepalive) are in it, which the driver's events leave out.
import { readFileSync } from "node:fs";

/** Flags that make Chromium keep the log in `file`; it is whole once the browser has closed. */
export const wireFlags = (file) => [`--log-net-log=${file}`, "--net-log-capture-mode=Everything"];

/**
 * Everything that was sent, one run of bytes per socket, in the order sent. Plain HTTP only: with TLS these would be
 * ciphertexts.
 *
 * @returns {Buffer[]}
 */
export function sentBytes(file) {
  const text = readFileSync(file, "utf8");
  const log = JSON.parse(text.trimEnd().endsWith("}") ? text : `${text.trimEnd().replace(/,$/, "")}]}`);
  const sent = log.constants.logEventTypes.SOCKET_BYTES_SENT;
  if (sent === undefined) throw new Error("this Chromium logs no bytes of its sockets");
  const sockets = new Map();
  for (const event of log.events) {
    if (event.type !== sent || !event.params?.bytes) continue;
    const parts = sockets.get(event.source.id) ?? [];
    parts.push(Buffer.from(event.params.bytes, "base64"));
    sockets.set(event.source.id, parts);
  }
  return [...sockets.values()].map((parts) => Buffer.concat(parts));
}

/** Reads HTTP/1.1 requests out of what one socket sent (RFC 9112, sections 3 and 6). */
export function* requestsIn(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end === -1) return;
    const head = bytes.toString("latin1", at, end);
    const [line = "", ...fields] = head.split("\r\n");
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(":");
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    const start = end + 4;
    const chunked = headers.get("transfer-encoding") === "chunked";
    const length = chunked ? chunkedLength(bytes, start) : Number(headers.get("content-length") ?? 0);
    const [method = "", target = ""] = line.split(" ");
    yield {
      method,
      target,
      host: headers.get("host") ?? "",
      head,
      body: bytes.subarray(start, start + length),
    };
    at = start + length;
  }
}

function chunkedLength(bytes, start) {
  const end = bytes.indexOf("0\r\n\r\n", start);
  return (end === -1 ? bytes.length : end + 5) - start;
}
