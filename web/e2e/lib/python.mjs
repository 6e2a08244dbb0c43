// A Python with the packages that the independent readers of our formats need, and with a mail server.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { repository } from "./paths.mjs";

const READERS = ["tink==1.16.1", "cryptography==50.0.2", "zstandard==0.25.0"];
const MAIL = ["aiosmtpd==1.4.6"];

/** A Python that reads our formats: the one `cargo xtask test` names, or one made under target/. */
export const python = () => withPackages("e2e-python", "tink, cryptography, zstandard", READERS);

/** A Python with a mail server, found the same way. */
export const mailPython = () => withPackages("e2e-python-mail", "aiosmtpd.controller", MAIL);

function withPackages(folder, modules, requirements) {
  const works = (binary) => spawnSync(binary, ["-c", `import ${modules}`]).status === 0;
  const given = process.env.CLERESTORY_PYTHON;
  if (given && works(given)) return given;
  const home = path.join(repository, "target", folder);
  const binary = path.join(home, "bin", "python");
  if (existsSync(binary) && works(binary)) return binary;
  const steps = [
    ["python3", ["-m", "venv", home]],
    [binary, ["-m", "pip", "install", "--quiet", ...requirements]],
  ];
  for (const [command, args] of steps) {
    const run = spawnSync(command, args, { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${run.stderr}`);
  }
  if (!works(binary)) throw new Error(`${requirements.join(", ")} are installed and cannot be imported`);
  return binary;
}
