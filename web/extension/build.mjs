/** Builds `dist/`: the extension as the browser loads it. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const minify = process.env.EXTENSION_DEBUG !== "1";
/** Name in `dist`, and where it begins. */
const ENTRIES = {
  worker: "src/worker.ts",
  offscreen: "src/offscreen.ts",
  files: "src/spool/files.ts",
  page: "src/page.ts",
  popup: "src/popup/popup.ts",
  setup: "src/setup/setup.ts",
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
cpSync(join(here, "static"), dist, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, join(here, file)])),
  bundle: true,
  minify,
  metafile: true,
  outdir: dist,
  format: "iife",
  target: ["chrome124"],
  legalComments: "none",
  define: { EXPLAIN: "false" },
});
const tokens = readFileSync(join(here, "../console/src/styles/tokens.css"), "utf8");
writeFileSync(join(dist, "tokens.css"), tokens);
for (const [file, { bytes }] of Object.entries(result.metafile.outputs))
  process.stdout.write(`${file.split("/").at(-1)}: ${bytes} bytes\n`);
