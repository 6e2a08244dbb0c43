/**
 * What the tests need around the player page: a server for both hosts, a console page that embeds the player as the
 * console does, and a sink that counts connections.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
};

/** The headers of README.md. */
export const playerHeaders = (consoleOrigin) => ({
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src blob: data:; font-src data:; " +
    "media-src blob: data:; frame-src 'none'; connect-src 'none'; worker-src 'none'; object-src 'none'; " +
    `manifest-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors ${consoleOrigin}`,
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-DNS-Prefetch-Control": "off",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Origin-Agent-Cluster": "?1",
});

const EMBEDDER = `<!doctype html><meta charset="utf-8"><style>iframe{width:800px;height:600px;border:0}</style>
<iframe title="Replay" sandbox="allow-scripts allow-same-origin" allow="" referrerpolicy="no-referrer"></iframe>
<script>
  const said = []; let port;
  const frame = document.querySelector("iframe");
  window.embed = (origin, claimed) => new Promise((done) => {
    frame.onload = () => {
      const channel = new MessageChannel();
      channel.port1.onmessage = (event) => { said.push(event.data); if (event.data.type === "ready") done(true); };
      frame.contentWindow.postMessage({ clerestory: "player", version: 1 }, origin, [channel.port2]);
      port = channel.port1;
      setTimeout(() => done(false), 1500);
    };
    frame.src = origin + "/player/#console=" + encodeURIComponent(claimed);
  });
  window.tell = (message) => port.postMessage(message);
  window.heard = () => said.splice(0);
</script>`;

/** Starts both hosts on one port. `requests` lists every request to the content host. */
export async function startServer() {
  const requests = [];
  const server = createServer(async (request, response) => {
    const host = request.headers.host ?? "";
    const path = new URL(request.url ?? "/", "http://x").pathname;
    const consoleOrigin = `http://localhost:${server.address().port}`;
    if (host.startsWith("localhost")) {
      response.writeHead(200, { "Content-Type": TYPES[".html"] });
      response.end(path === "/" ? EMBEDDER : "");
      return;
    }
    requests.push(path);
    const file = normalize(path.replace(/^\/player\//, "") || "index.html");
    try {
      let body = await readFile(join(DIST, file));
      if (file === "index.html") {
        body = body.toString().replace("__CLERESTORY_CONSOLE_ORIGIN__", consoleOrigin);
      }
      response.writeHead(200, { "Content-Type": TYPES[extname(file)], ...playerHeaders(consoleOrigin) });
      response.end(body);
    } catch {
      response.writeHead(404, playerHeaders(consoleOrigin));
      response.end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  return {
    port,
    requests,
    content: `http://127.0.0.1:${port}`,
    console: `http://localhost:${port}`,
    close: () => server.close(),
  };
}

/** A sink that every other name leads to. */
export async function startSink() {
  const sink = {
    connections: 0,
    /** The first bytes of each, so that a failure names who asked for what. */
    asked: [],
    reset() {
      sink.connections = 0;
      sink.asked = [];
    },
  };
  const server = createTcpServer((socket) => {
    sink.connections += 1;
    socket.on("error", () => {}); // a refused peer may reset; it has been counted
    socket.once("data", (data) => {
      sink.asked.push(
        data
          .toString("latin1")
          .replace(/[^\x20-\x7e]+/g, " ")
          .slice(0, 300),
      );
      socket.destroy();
    });
    setTimeout(() => socket.destroy(), 400);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(sink, { port: server.address().port, close: () => server.close() });
}
