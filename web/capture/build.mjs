/** Builds `dist/`: the loader, core and preview under the hash of their bytes, and a manifest that names them. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { rrwebPatch } from "./rrweb-patch.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const BUDGET = { loader: 2 * 1024, core: 32 * 1024 };
/** Names that are used inside the bundle alone: never written to storage, messages or requests, nor as strings. */
const OURS =
  /^(?:decideAround|maskedByRule|excludedAround|attributeChanged|whenFrameLoaded|keepSecret|isSecret|readLater|firstSeen|idBefore|rulesChanged|dropPending|forPage|noCanvas|neverShown|mediaAllowed|serverTimeMs|segmentBytes|keyframeMs|silenceMs|flushMs|nextSequence|spoolKeyId|retryAfterMs|policyOutdated|hasNode|nodeMetaMap|idNodeMap|cssCaptured|telling|toldAs|forgetRules|isForbidden|hidesDrawing|insideDrawing|ignoreClass|ignoreSelector|onSerialize|onIframeLoad|onStylesheetLoad|skipChild|newlyAddedElement|mousemoveCb|mouseInteractionCb|scrollCb|viewportResizeCb|inputCb|mediaInteractionCb|styleSheetRuleCb|styleDeclarationCb|canvasMutationCb|fontCb|selectionCb|customElementCb|adoptedStyleSheetCb|userTriggeredOnInput|collectFonts|recordCrossOriginIframes|recordDOM|mousemoveWait|wrappedEmit|stylesheetLoadTimeout|iframeLoadTimeout|blockClass|blockSelector|maskTextClass|maskTextSelector|inlineStylesheet|maskInputOptions|maskTextFn|maskInputFn|keepIframeSrcFn|recordCanvas|inlineImages|slimDOMOptions|dataURLOptions|iframeManager|stylesheetManager|shadowDomManager|canvasManager|processedNodeManager|mutationCb)$/;
const minify = process.env.CAPTURE_DEBUG !== "1";

async function bundle(entry, define = {}) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [join("src", entry)],
    bundle: true,
    minify,
    write: false,
    format: "iife",
    target: ["es2022"],
    legalComments: "none",
    ...(minify ? { mangleProps: OURS } : {}),
    drop: ["console"],
    define,
    plugins: [rrwebPatch(join(here, "src/engine/hooks.ts"))],
  });
  return Buffer.from(result.outputFiles[0].contents);
}

const integrity = (bytes) => `sha384-${createHash("sha384").update(bytes).digest("base64")}`;

function describe({ file, bytes }, budget) {
  const gzip = gzipSync(bytes, { level: 9 }).length;
  process.stdout.write(`${file}: ${bytes.length} bytes, ${gzip} gzip\n`);
  if (minify && gzip > budget) throw new Error(`${file} is ${gzip} bytes in gzip; the budget is ${budget}`);
  return { file, integrity: integrity(bytes), bytes: bytes.length, gzip };
}

const hashed = async (name) => {
  const bytes = await bundle(`${name}.ts`, { EXPLAIN: String(name === "preview") });
  return { bytes, file: `${name}-${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}.js` };
};

const core = await hashed("core");
const preview = await hashed("preview");
const named = ({ file, bytes }) => JSON.stringify([file, integrity(bytes)]);
const loader = {
  file: "loader.js",
  bytes: await bundle("loader.ts", { CORE: named(core), PREVIEW: named(preview) }),
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const { file, bytes } of [loader, core, preview]) writeFileSync(join(dist, file), bytes);
const manifest = {
  loader: describe(loader, BUDGET.loader),
  core: describe(core, BUDGET.core),
  preview: describe(preview, Number.POSITIVE_INFINITY),
  rrweb: JSON.parse(readFileSync(join(here, "package.json"), "utf8")).dependencies["@rrweb/record"],
};
writeFileSync(join(dist, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
