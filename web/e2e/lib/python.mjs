// A Python with the packages that the independent readers of our formats need.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { repository } from "./paths.mjs";

const REQUIREMENTS = ["tink==1.16.1", "cryptography==50.0.2", "zstandard==0.25.0"];

/** A Python with these packages: the one `cargo xtask test` names, or one made under target/. */
export function python() {
  const works = (binary) => spawnSync(binary, ["-c", "import tink, cryptography, zstandard"]).status === 0;
  const given = process.env.CLERESTORY_PYTHON;
  if (given && works(given)) return given;
  const home = path.join(repository, "target", "e2e-python");
  const binary = path.join(home, "bin", "python");
  if (existsSync(binary) && works(binary)) return binary;
  const steps = [
    ["python3", ["-m", "venv", home]],
    [binary, ["-m", "pip", "install", "--quiet", ...REQUIREMENTS]],
  ];
  for (const [command, args] of steps) {
    const run = spawnSync(command, args, { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${run.stderr}`);
  }
  if (!works(binary)) throw new Error(`${REQUIREMENTS.join(", ")} are installed and cannot be imported`);
  return binary;
}
