// A PostgreSQL and a bucket of their own for one story, and the real server as it is installed over them.
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { binary, repository } from "./paths.mjs";
import { mailPython } from "./python.mjs";
import { freePort } from "./server.mjs";
import { pause } from "./wait.mjs";

/** Says on which port it listens, and then each mail it takes as a line of JSON. */
const mailServer = path.join(repository, "crates", "testkit", "src", "mailbox.py");

/** Starts a program of the tests that says where it is in its first lines, and ends when its input does. */
async function startService(program, lines) {
  const child = spawn(path.join(path.dirname(binary), program), { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const told = [];
  const said = (async () => {
    for await (const line of readline.createInterface({ input: child.stdout })) {
      told.push(line);
      if (told.length === lines) return;
    }
  })();
  await Promise.race([said, ended]);
  if (told.length < lines) throw new Error(`${program} does not start`);
  return {
    told,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** @returns {Promise<{address: string, directory: string, stop: () => Promise<void>}>} */
export async function startPostgres() {
  const { told, stop } = await startService("test-postgres", 2);
  return { address: told[0], directory: told[1], stop };
}

/** @returns {Promise<{environment: Record<string, string>, directory: string, stop: () => Promise<void>}>} */
export async function startBucket() {
  const { told, stop } = await startService("test-bucket", 1);
  return { ...JSON.parse(told[0]), stop };
}

/**
 * A mail server of other people's making, aiosmtpd, in a process of its own.
 *
 * @returns {Promise<{environment: Record<string, string>, mails: {to: string[], subject: string, text: string}[], stop: () => Promise<void>}>}
 */
export async function startMailbox() {
  const child = spawn(mailPython(), [mailServer], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const mails = [];
  const lines = readline.createInterface({ input: child.stdout });
  const port = await Promise.race([new Promise((resolve) => lines.once("line", resolve)), ended]);
  if (!/^\d+$/.test(String(port))) throw new Error("the mail server does not start");
  lines.on("line", (line) => mails.push(JSON.parse(line)));
  const environment = {
    CLERESTORY_SMTP: `smtp://127.0.0.1:${port}`,
    CLERESTORY_MAIL_FROM: "Clerestory <clerestory@fernwick.example>",
  };
  const stop = async () => {
    child.kill();
    await ended;
  };
  return { environment, mails, stop };
}

/** Runs a command of the program to its end; what it said. */
function say(bin, env, args) {
  const run = spawnSync(bin, args, { env, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`clerestory ${args.join(" ")}: ${run.stderr}${run.error ?? ""}`);
  return run.stdout;
}

/**
 * Makes an installation below `root` and serves it: data, keys, logs and temporary files in directories of their own.
 * With `person` it has an organisation and them in it, who sign in by `sign_in`; without, `set_up` is the link that the
 * server printed, by which the first one makes it.
 *
 * @param {{bin: string, root: string, env: Record<string, string>, person?: {organisation: string, name: string, email: string}}} options
 */
export async function serveInstalled({ bin, root, env, person }) {
  const port = await freePort();
  for (const name of ["tmp", "keys"]) mkdirSync(path.join(root, name), { recursive: true });
  const whole = {
    ...process.env,
    CLERESTORY_DATA: path.join(root, "data"),
    CLERESTORY_KEYS: path.join(root, "keys"),
    TMPDIR: path.join(root, "tmp"),
    CLERESTORY_LOG: "debug",
    ...env,
  };
  say(bin, whole, ["init", "--throw-away"]);
  const linkIn = (text) => text.split("\n").find((line) => line.includes("#token=")) ?? "";
  const link = person ? linkIn(say(bin, whole, ["admin", "set-up", ...named(person)])) : "";
  const console = `http://localhost:${port}`;
  const content = `http://127.0.0.1:${port}`;
  const args = ["serve", "--listen", `127.0.0.1:${port}`, "--console-origin", console];
  const child = spawn(bin, [...args, "--content-origin", content], {
    env: whole,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(path.join(root, "server.log"));
  child.stderr.pipe(log, { end: false });
  child.stdout.pipe(log, { end: false });
  let printed = "";
  child.stdout.on("data", (part) => {
    printed += part;
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const giveUp = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await exited;
    clearTimeout(giveUp);
    await new Promise((resolve) => log.end(resolve));
  };
  for (const deadline = Date.now() + 30_000; ; await pause(50)) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/health`, {
      headers: { host: `localhost:${port}` },
    })
      .then((response) => response.ok)
      .catch(() => false);
    if (answer) break;
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`the server does not get ready; its log is ${root}/server.log`);
    }
  }
  const info = {
    console,
    content,
    port,
    sign_in: `${console}${link.trim()}`,
    set_up: linkIn(printed).trim(),
  };
  return { info, stop };
}

const named = ({ organisation, name, email }) => [
  "--organisation",
  organisation,
  "--name",
  name,
  "--email",
  email,
];
