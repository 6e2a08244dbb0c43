// Builds the shop into dist/: pages with header, footer and product cards filled in, one stylesheet, one
// script per page (a module that shares chunks), images as they are. Nothing is fetched at run time.
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(root, "src");
const dist = path.join(root, "dist");
const SIZE_LIMIT_BYTES = 600 * 1024;

/** The capture snippet is not ours to know: whoever serves the shop replaces this with the site's own. */
const SNIPPET_MARKER = "<!--clerestory-snippet-->";

/** Routes of the brewing guide; each is a real file too, so a reload works on any static server. */
const GUIDE_ROUTES = ["index", "kettles", "linen", "knives", "wax"];

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => path.join(e.parentPath, e.name));
}

const money = (cents) => (cents / 100).toFixed(2);

function card(product) {
  return `<li class="card" data-shelf="${product.shelf}"><a href="/product.html?p=${product.id}">
    <img src="/images/${product.image}" alt="" width="480" height="480" loading="lazy">
    <span class="card-name">${product.name}</span><span class="card-line">${product.line}</span>
    <span class="card-foot"><span class="price">${money(product.price)}</span><fernwick-stars value="${product.rating}" count="${product.reviews}"></fernwick-stars></span>
  </a></li>`;
}

/** The showcase has nothing masked in it, the visitor's name in the bar included. */
const shownAsAWhole = (file) => path.basename(file) === "showcase.html";

async function buildPages() {
  const partial = async (name) =>
    (await readFile(path.join(source, "partials", `${name}.html`), "utf8")).trim();
  const [head, header, footer] = await Promise.all(["head", "header", "footer"].map(partial));
  const catalogue = JSON.parse(await readFile(path.join(source, "catalogue.json"), "utf8"));
  const cards = catalogue.map(card).join("\n");
  for (const file of await filesBelow(path.join(source, "pages"))) {
    const html = (await readFile(file, "utf8"))
      .replace("<!--head-->", head)
      .replace(
        "<!--header-->",
        shownAsAWhole(file) ? header.replaceAll(' data-clerestory="mask"', "") : header,
      )
      .replace("<!--footer-->", footer)
      .replace("<!--cards-->", cards);
    if (!html.includes(SNIPPET_MARKER)) throw new Error(`${file} has no place for the capture snippet`);
    const relative = path.relative(path.join(source, "pages"), file);
    const targets =
      relative === path.join("guide", "index.html") ? GUIDE_ROUTES.map((r) => `guide/${r}.html`) : [relative];
    for (const target of targets) {
      await mkdir(path.dirname(path.join(dist, target)), { recursive: true });
      await writeFile(path.join(dist, target), html);
    }
  }
}

async function buildScripts() {
  const entryPoints = (await readdir(path.join(source, "scripts")))
    .filter((name) => name.endsWith(".page.ts"))
    .map((name) => ({ in: path.join(source, "scripts", name), out: name.replace(".page.ts", "") }));
  await build({
    entryPoints,
    outdir: path.join(dist, "scripts"),
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    charset: "utf8",
    logLevel: "warning",
  });
  await build({
    entryPoints: [path.join(source, "styles", "shop.css")],
    outfile: path.join(dist, "shop.css"),
    minify: true,
    logLevel: "warning",
  });
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await Promise.all([
  buildPages(),
  buildScripts(),
  cp(path.join(source, "images"), path.join(dist, "images"), { recursive: true }),
]);

let total = 0;
for (const file of await filesBelow(dist)) total += (await stat(file)).size;
if (total > SIZE_LIMIT_BYTES) throw new Error(`the shop is ${total} bytes, more than ${SIZE_LIMIT_BYTES}`);
process.stdout.write(`demo-shop: ${Math.round(total / 1024)} KB in dist\n`);
