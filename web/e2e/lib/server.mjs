// Starts the real binary with an empty demo in a temporary directory, and always cleans up after it.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { binary } from "./paths.mjs";

const running = new Set();

/** A port nobody listens on at this moment, on both loopback addresses. */
export async function freePort() {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = await new Promise((resolve, reject) => {
      const probe = createServer();
      probe.once("error", reject);
      probe.listen(0, "127.0.0.1", () => {
        const { port } = probe.address();
        probe.close(() => resolve(port));
      });
    });
    const alsoV6 = await new Promise((resolve) => {
      const probe = createServer();
      probe.once("error", (error) =>
        resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT"),
      );
      probe.listen(port, "::1", () => probe.close(() => resolve(true)));
    });
    if (alsoV6) return port;
  }
  throw new Error("found no port that is free on both loopback addresses");
}

/** A directory of its own for one server: `data`, and `log` with everything it printed. */
export function workspace() {
  const root = mkdtempSync(path.join(os.tmpdir(), "clerestory-e2e-"));
  return { root, data: path.join(root, "data"), log: path.join(root, "server.log") };
}

/**
 * @typedef {object} Server
 * @property {{console: string, content: string, shop: string, sign_in: string, pid: number, data: string, keys?: string, port: number}} info
 * @property {{root: string, data: string, log: string}} place
 * @property {() => Promise<void>} stop  asks it to end and waits
 * @property {() => Promise<void>} kill  `kill -9`, and waits
 * @property {() => void} discard  removes its directory
 */

/**
 * Starts `clerestory demo` and waits for the one JSON line that says it is ready.
 *
 * @param {{place?: ReturnType<typeof workspace>, port?: number, env?: Record<string, string>, bin?: string, empty?: boolean}} [options]
 * @returns {Promise<Server>}
 */
export async function startServer({ place = workspace(), port, env = {}, bin = binary, empty = true } = {}) {
  if (!existsSync(bin))
    throw new Error(`there is no binary at ${bin}; build it, or name one in CLERESTORY_BIN`);
  const at = port ?? (await freePort());
  const args = ["demo", "--port", String(at), "--data", place.data, "--json", ...(empty ? ["--empty"] : [])];
  const child = spawn(bin, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(place.log, { flags: "a" });
  child.stderr.pipe(log, { end: false });
  child.stdout.pipe(log, { end: false });
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const info = await readyLine(child, exited, place);
  const end = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const giveUp = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await exited;
    clearTimeout(giveUp);
    running.delete(server);
    log.end();
  };
  const server = {
    info: { ...info, port: at },
    place,
    exited,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    discard: () => rmSync(place.root, { recursive: true, force: true }),
  };
  running.add(server);
  return server;
}

async function readyLine(child, exited, place) {
  const lines = readline.createInterface({ input: child.stdout });
  const ready = new Promise((resolve) => {
    lines.on("line", (line) => {
      if (!line.startsWith("{")) return;
      try {
        const told = JSON.parse(line);
        if (typeof told.console === "string") resolve(told);
      } catch {
        // Not the ready line; it is in the log.
      }
    });
  });
  const early = exited.then(({ code, signal }) => {
    throw new Error(
      `the server ended before it was ready (code ${code}, signal ${signal}); its log is ${place.log}`,
    );
  });
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the server said nothing for 60 s; its log is ${place.log}`));
    }, 60_000);
  });
  try {
    return await Promise.race([ready, early, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends every server that is still running. For the end of a run, whatever happened in it. */
export async function stopAll() {
  await Promise.all([...running].map((server) => server.kill()));
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    void stopAll().then(() => process.exit(130));
  });
}
