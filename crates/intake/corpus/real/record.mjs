// Records real events with @rrweb/record in Chromium; see README.md. Usage: node record.mjs
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const web = join(here, "../../../../web");
const require = createRequire(join(web, "package.json"));
const { chromium } = require("playwright-core");
const recorder = readFileSync(join(web, "node_modules/@rrweb/record/dist/record.umd.min.cjs"), "utf8");

const page_html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Orders of Ada Lovelace</title>
<meta name="description" content="A page to record">
<link rel="stylesheet" href="/site.css">
<style>body{font-family:sans-serif}.card{padding:4px}.card:hover{background:#eef}.q::before{content:"\\201C"}</style>
<script>window.answer = 42;</script></head>
<body class="page"><!-- a comment -->
<h1 title="Heading">Orders</h1><p>Mixed <b>bold <i>and italic</i></b> text with "quotes", a \\ backslash and an emoji 😀.</p>
<a href="/orders?token=secret#top" aria-label="All orders">All orders</a>
<img id="photo" alt="A dot" width="8" height="8" src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==">
<svg viewBox="0 0 10 10" width="20"><defs><linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient><symbol id="s" viewBox="0 0 1 1"><rect width="1" height="1"/></symbol></defs><circle cx="5" cy="5" r="4" fill="url(#g)"/><use href="#s" x="1"/></svg>
<form id="form" action="/pay"><input name="name" placeholder="Name"><input type="password" id="pw"><input type="checkbox" id="box"><input type="radio" name="r" value="a"><input type="radio" name="r" value="b" checked>
<select id="sel"><option value="1">One</option><option value="2" selected>Two</option></select><textarea id="area">Dear</textarea></form>
<div id="scroller" style="height:60px;overflow:auto"><div style="height:600px">Tall</div></div>
<div id="list"></div><x-card></x-card><canvas id="c" width="20" height="20"></canvas><video id="v" controls></video>
<dialog id="d">A dialog</dialog><iframe id="f" srcdoc="<p>Inside a <b>frame</b></p>"></iframe></body></html>`;

const act = async (page) => {
  await page.mouse.move(40, 40);
  await page.mouse.move(90, 120, { steps: 4 });
  await page.click("#form [name=name]");
  await page.keyboard.type("Grace");
  await page.fill("#pw", "secret");
  await page.check("#box");
  await page.check("[value=a]");
  await page.selectOption("#sel", "1");
  await page.fill("#area", "Dear sir");
  await page.evaluate(async () => {
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    const list = document.querySelector("#list");
    for (let i = 0; i < 5; i++) {
      const item = document.createElement("p");
      item.className = "card";
      item.append(`Item ${i} \ud83d`, document.createElement("br"), `tail ${i}`);
      list.append(item);
    }
    await wait(30);
    list.firstChild.firstChild.data = "Changed \u2028 text";
    list.lastChild.remove();
    list.append(list.firstChild);
    list.style.color = "red";
    list.style.setProperty("background", "blue", "important");
    await wait(30);
    list.style.cssText = "padding:1px;margin:2px;border:1px solid;outline:1px dotted;color:green";
    await wait(30);
    list.style.color = "";
    list.setAttribute("data-state", "done");
    list.removeAttribute("data-state");
    const sheet = document.styleSheets[1];
    sheet.insertRule(".added{color:red}", 0);
    sheet.insertRule("@media (min-width:1px){.a{top:0}.b{top:1px}}", 1);
    sheet.cssRules[1].insertRule(".c{left:0}", 1);
    sheet.cssRules[1].deleteRule(0);
    sheet.deleteRule(0);
    sheet.cssRules[1].style.setProperty("color", "blue", "important");
    sheet.cssRules[1].style.removeProperty("color");
    const constructed = new CSSStyleSheet();
    constructed.replaceSync(".constructed{color:red}");
    document.adoptedStyleSheets = [constructed];
    await wait(30);
    constructed.insertRule(".later{color:blue}");
    await constructed.replace(".replaced{color:green}");
    const style = document.createElement("style");
    style.append(".one{color:red}", ".two{color:blue}");
    document.head.append(style);
    const context = document.querySelector("#c").getContext("2d");
    context.fillStyle = "red";
    context.fillRect(2, 2, 10, 10);
    document.querySelector("#d").showModal();
    await wait(400);
    document.querySelector("#d").close();
    document.querySelector("#v").volume = 0.5;
    document.querySelector("#f").contentDocument.body.append("More");
    getSelection().selectAllChildren(document.querySelector("h1"));
    document.querySelector("#scroller").scrollTop = 120;
    document.querySelector("x-card").shadowRoot.querySelector("p").append(" changed");
    await wait(700);
  });
  await page.setViewportSize({ width: 700, height: 500 });
  await page.waitForTimeout(400);
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
  await page.route("**/*", (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path === "/site.css") return route.fulfill({ contentType: "text/css", body: ".site{color:black;background:url(/bg.png)}@media print{.site{display:none}}" });
    if (path === "/page") return route.fulfill({ contentType: "text/html", body: page_html });
    return route.fulfill({ status: 404, body: "" });
  });
  await page.goto("http://shop.test/page?query=1#part");
  await page.addScriptTag({ content: recorder });
  await page.evaluate(() => {
    customElements.define("x-card", class extends HTMLElement {
      connectedCallback() {
        const root = this.attachShadow({ mode: "open" });
        root.innerHTML = "<style>p{margin:0}</style><p>In the shadow</p><slot name=x></slot>";
      }
    });
    window.events = [];
    const api = globalThis.rrweb ?? globalThis.rrwebRecord;
    const record = api.record ?? api;
    window.record = record;
    window.stop = record({
      emit: (event) => window.events.push(JSON.parse(JSON.stringify(event))),
      recordCanvas: true,
      sampling: { canvas: 10 },
      inlineImages: true,
      collectFonts: true,
      userTriggeredOnInput: true,
    });
  });
  await page.waitForTimeout(300);
  await act(page);
  await page.evaluate(() => {
    customElements.define("x-late", class extends HTMLElement {});
    window.record.addCustomEvent("clerestory.page", { url: "http://shop.test/page", title: "\u2022\u2022\u2022\u2022\u2022" });
    window.record.addCustomEvent("clerestory.gap", { reason: "hidden", from: Date.now() - 5, to: Date.now() });
    window.record.takeFullSnapshot(true);
  });
  await page.waitForTimeout(200);
  const events = await page.evaluate(() => window.events);
  writeFileSync(join(here, "page.json"), `[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]\n`);
  const kinds = new Map();
  for (const event of events) {
    const kind = event.type === 3 ? `3.${event.data.source}` : `${event.type}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  console.log(Object.fromEntries(kinds));
} finally {
  await browser.close();
}
