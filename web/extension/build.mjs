/** Builds `dist/`: the extension as the browser loads it. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const minify = process.env.EXTENSION_DEBUG !== "1";
/** Name in `dist`, and where it begins: pages, which are modules, and what is not. */
const PAGES = { popup: "src/ui/popup.ts", setup: "src/ui/setup.ts" };
const SCRIPTS = {
  worker: "src/worker.ts",
  offscreen: "src/offscreen.ts",
  files: "src/spool/files.ts",
  page: "src/page.ts",
};

async function bundle(entries, format) {
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(here, file)])),
    bundle: true,
    minify,
    metafile: true,
    outdir: dist,
    format,
    target: ["chrome124"],
    legalComments: "none",
  });
  for (const [file, { bytes }] of Object.entries(metafile.outputs))
    process.stdout.write(`${basename(file)}: ${bytes} bytes\n`);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
cpSync(join(here, "static"), dist, { recursive: true });
await bundle(PAGES, "esm");
await bundle(SCRIPTS, "iife");
// Colours and type, and the pieces built from them, are the same for everything that is Clerestory.
await build({
  entryPoints: ["tokens.css", "pieces.css"].map((sheet) => join(here, "../console/src/styles", sheet)),
  bundle: true,
  minify,
  outdir: dist,
  loader: { ".svg": "dataurl" },
  target: ["chrome124"],
});
