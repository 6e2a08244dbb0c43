/** A screen that nobody sees, for a browser with windows. */
import { spawn } from "node:child_process";

/** Starts `Xvfb`; answers with the name of the display and what ends it. */
export async function openScreen() {
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const number = await new Promise((resolve, reject) => {
    server.once("error", () => reject(new Error("a screen needs Xvfb, which is not installed")));
    server.once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`)));
    server.stdio[3].once("data", (line) => resolve(line.toString().trim()));
  });
  return { display: `:${number}`, close: () => server.kill() };
}
