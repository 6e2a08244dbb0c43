/** Builds the player page into dist/: one hashed script, one hashed sheet, the page and a manifest. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { outputFiles } = await build({
  entryPoints: { player: here("src/main.ts"), style: here("src/player.css") },
  outdir: here("dist"),
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome120", "firefox121", "safari17"],
  legalComments: "none",
  write: false,
  logLevel: "warning",
});

const named = outputFiles.map((file) => {
  const extension = file.path.endsWith(".css") ? "css" : "js";
  const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 16);
  return { name: `player-${hash}.${extension}`, extension, contents: file.contents };
});
const script = named.find((file) => file.extension === "js")?.name;
const style = named.find((file) => file.extension === "css")?.name;
if (script === undefined || style === undefined) throw new Error("the build gave no script or no sheet");

await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist"), { recursive: true });
const page = await readFile(here("src/index.html"), "utf8");
await Promise.all([
  ...named.map((file) => writeFile(here(`dist/${file.name}`), file.contents)),
  writeFile(here("dist/index.html"), page.replace("__SCRIPT__", script).replace("__STYLE__", style)),
  writeFile(here("dist/manifest.json"), `${JSON.stringify({ script, style })}\n`),
]);
