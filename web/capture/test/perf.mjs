/**
 * Longest task on the main thread with no recorder, with plain rrweb, and with ours, on a page of 20,000 nodes.
 *
 * Prints a table; asserts nothing. `node test/perf.mjs [runs]`. Tasks come from the browser's own trace, so that
 * tasks below the 50 ms of the long-task observer are seen, too.
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { CaptureServer } from "./support/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const runs = Number(process.argv[2] ?? 5);
const server = new CaptureServer(join(here, "..", "dist"));
server.limits.keyframe_ms = 3000;
await server.listen();

const plain = await build({
  stdin: {
    contents: `import { record } from "@rrweb/record";
      window.__events = []; window.__record = record;
      record({ emit: (event) => { window.__events.push(JSON.stringify(event)); } });`,
    resolveDir: here,
  },
  bundle: true,
  minify: true,
  write: false,
  format: "iife",
});
const rrweb = plain.outputFiles[0].text;

/** Nine elements and texts a row. */
const ROWS = 2250;
const row = (i) =>
  `<tr class="r${i % 7}"><td>${i}</td><td><a href="/item/${i}">item ${i}</a></td><td><span>price</span></td></tr>`;
const page = (head) =>
  `<!doctype html><html><head><style>td { padding: 2px; border: 1px solid #ccc }</style>${head}</head><body><p id="tick">0</p><table><tbody id="rows">${Array.from({ length: ROWS }, (_, i) => row(i)).join("")}</tbody></table></body></html>`;
server.page("/none", page(""));
server.page("/rrweb", page(""));
server.page("/ours", page(""));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
  ],
});

/** Longest task of the page's main thread between two marks of the page, in milliseconds: by the clock, and on the processor. */
function longest(trace, from, to) {
  const { traceEvents } = JSON.parse(trace);
  const mark = (name) =>
    traceEvents.find((event) => event.name === name && event.cat.includes("blink.user_timing"));
  const begin = mark(from);
  const end = mark(to);
  const tasks = traceEvents.filter(
    ({ name, pid, tid, ts, dur }) =>
      (name === "RunTask" || name === "ThreadControllerImpl::RunTask") &&
      pid === begin.pid &&
      tid === begin.tid &&
      dur &&
      ts + dur >= begin.ts &&
      ts <= end.ts,
  );
  return {
    wall: Math.max(0, ...tasks.map(({ dur }) => dur / 1000)),
    cpu: Math.max(0, ...tasks.map(({ tdur = 0 }) => tdur / 1000)),
  };
}

const STEPS = {
  "first snapshot": {
    none: () => {},
    rrweb: (source) => new Function(source)(),
    ours: (_, snippet) => {
      const script = document.createElement("script");
      script.src = snippet.src;
      script.dataset.site = "csw_test";
      script.dataset.key = snippet.key;
      document.head.append(script);
    },
    wait: 3000,
  },
  keyframe: {
    none: () => {},
    rrweb: () => window.__record.takeFullSnapshot(true),
    ours: () => {
      document.querySelector("#tick").textContent = String(Date.now());
    },
    wait: 5500,
  },
  "20,000 nodes added at once": {
    all: () => {
      const body = document.createElement("tbody");
      body.innerHTML = document.querySelector("#rows").innerHTML;
      document.querySelector("table").append(body);
    },
    wait: 3000,
  },
  "2,000 texts changed at once": {
    all: () => {
      for (const cell of document.querySelectorAll("#rows span")) cell.firstChild.data = "changed";
    },
    wait: 1500,
  },
};

const results = {};
for (let run = 0; run < runs; run += 1) {
  for (const kind of ["none", "rrweb", "ours"]) {
    server.requests = [];
    const context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(`${server.shop}/${kind}`);
    await tab.waitForTimeout(1500);
    for (const [name, step] of Object.entries(STEPS)) {
      await browser.startTracing(tab, {
        categories: [
          "toplevel",
          "disabled-by-default-devtools.timeline",
          "blink.user_timing",
          "devtools.timeline",
        ],
      });
      await tab.evaluate((from) => performance.mark(from), `${name}-from`);
      const act = step.all ?? step[kind];
      await tab.evaluate(
        ([text, source, snippet]) =>
          new Promise((resolve) =>
            setTimeout(() => resolve(new Function(`return (${text})`)()(source, snippet)), 0),
          ),
        [
          act.toString(),
          name === "first snapshot" && kind === "rrweb" ? rrweb : "",
          { src: `${server.host}/capture/loader.js`, key: server.key.raw },
        ],
      );
      await tab.waitForTimeout(step.wait);
      await tab.evaluate((to) => performance.mark(to), `${name}-to`);
      const trace = (await browser.stopTracing()).toString();
      results[name] ??= {};
      results[name][kind] ??= [];
      results[name][kind].push(longest(trace, `${name}-from`, `${name}-to`));
    }
    if (kind === "ours") {
      const phase = await tab.evaluate(() => window.clerestory?.state.phase);
      const full = server.events().filter(({ type }) => type === 2).length;
      if (phase !== "capturing" || full < 2)
        throw new Error(`the recorder did not record: ${phase}, ${full} full snapshots`);
    }
    server.reset();
    server.limits.keyframe_ms = 3000;
    await context.close();
  }
}
await browser.close();
await server.close();

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const { version } = JSON.parse(
  readFileSync(join(here, "../../node_modules/@rrweb/record/package.json"), "utf8"),
);
process.stdout.write(
  `${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, ${runs} runs; longest task of the main thread in ms, median (largest)\n`,
);
for (const clock of ["cpu", "wall"]) {
  process.stdout.write(`\n| ${clock} | no recorder | rrweb ${version} | ours |\n|---|---|---|---|\n`);
  for (const [name, kinds] of Object.entries(results)) {
    const cell = (kind) => {
      const times = kinds[kind].map((one) => one[clock]);
      return `${median(times).toFixed(0)} (${Math.max(...times).toFixed(0)})`;
    };
    process.stdout.write(`| ${name} | ${cell("none")} | ${cell("rrweb")} | ${cell("ours")} |\n`);
  }
}
