import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

/** Runs another test program with Node and fails with its output when it fails. */
export async function runSuite(file, args = []) {
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const parts = [];
  child.stdout.on("data", (part) => parts.push(part));
  child.stderr.on("data", (part) => parts.push(part));
  const code = await new Promise((resolve) => child.once("close", resolve));
  const text = Buffer.concat(parts).toString("utf8");
  if (code !== 0) throw new Error(`${file} ended with ${code}:\n${text.slice(-4000)}`);
  return text.trim().split("\n").at(-1) ?? "";
}
