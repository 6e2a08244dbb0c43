/** What the browser tests share: the server, waiting, and the outline of a page. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CaptureServer } from "../support/server.mjs";

export const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist");
if (!existsSync(join(dist, "manifest.json")))
  throw new Error("build first: npm run build -w @clerestory/capture");

export const MASK = "•••••";
export const CANARY = "canary-7f3a";
export const server = new CaptureServer(dist);
await server.listen();

export const tests = [];
export const test = (name, run) => tests.push({ name, run });
/** Errors that reached a page. */
export const errors = [];

/** Waits for a condition; says what was waited for when it never comes. */
export async function until(what, condition, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export const state = (page) => page.evaluate(() => window.clerestory?.state);
export const phase = (page, wanted) =>
  until(`phase ${wanted}`, async () => (await state(page))?.phase === wanted);
/** Everything taken so far has arrived. */
export async function settled(page) {
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 700)));
  await until("the queue to drain", () => {
    const last = server.requests.at(-1);
    return last && Date.now() - last.at > 400;
  });
}

export const open = async (context, path) => {
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error));
  await page.goto(server.shop + path);
  return page;
};
export const near = (text, part) =>
  `found: …${text.slice(Math.max(0, text.indexOf(part) - 200), text.indexOf(part) + 60)}…`;

// Pages

server.page("/inner", `<!doctype html><html><body><p>in the frame</p></body></html>`);
server.page(
  "/shape",
  `<!doctype html><html><head><!--snippet--></head><body><main><ul id="list"></ul><x-box></x-box><iframe src="/inner"></iframe></main>
  <script>customElements.define("x-box", class extends HTMLElement { connectedCallback() { this.attachShadow({ mode: "open" }).innerHTML = "<p>in the shadow</p>" } })</script></body></html>`,
);
server.page("/plain", `<!doctype html><html><head><!--snippet--></head><body><p>plain</p></body></html>`);

/** Element names and texts of a document, shadow roots and frames; scripts and empty texts left out. */
export function outline() {
  const read = (node) => {
    if (node.nodeType === 3) return node.data.trim() ? [node.data] : [];
    if (node.nodeType !== 1 || node.localName === "script") return [];
    const inside = [...node.childNodes, ...(node.shadowRoot?.childNodes ?? [])].flatMap(read);
    const frame = node.localName === "iframe" ? [node.contentDocument.documentElement].flatMap(read) : [];
    return [[node.localName, ...inside, ...frame]];
  };
  return read(document.documentElement);
}

/** Applies the events of a recording as a player does, to the same outline. */
export function rebuild(events) {
  let nodes = new Map();
  const plant = (node, parent) => {
    const made = { ...node, parent, children: [] };
    nodes.set(node.id, made);
    made.children = (node.childNodes ?? []).map((child) => plant(child, made));
    return made;
  };
  let root;
  for (const { type, data } of events) {
    if (type === 2) {
      nodes = new Map();
      root = plant(data.node, null);
    }
    if (type !== 3 || data.source !== 0) continue;
    for (const { parentId, id } of data.removes) {
      const node = nodes.get(id);
      const parent = nodes.get(parentId);
      assert.ok(node && parent && node.parent === parent, `removes ${id}, which is not under ${parentId}`);
      parent.children.splice(parent.children.indexOf(node), 1);
      const forget = (gone) => {
        nodes.delete(gone.id);
        gone.children.forEach(forget);
      };
      forget(node);
    }
    const waiting = [...data.adds];
    for (let tries = 0; waiting.length > 0; tries += 1) {
      assert.ok(tries < 100_000, `adds under unknown nodes: ${JSON.stringify(waiting[0])}`);
      const add = waiting.shift();
      const parent = nodes.get(add.parentId);
      const next = add.nextId === null ? null : nodes.get(add.nextId);
      if (!parent || (add.nextId !== null && !next)) {
        waiting.push(add);
        continue;
      }
      const old = nodes.get(add.node.id);
      assert.ok(!old || data.isAttachIframe, `adds ${add.node.id} twice`);
      if (add.node.type === 0) parent.children = [];
      parent.children.splice(
        next ? parent.children.indexOf(next) : parent.children.length,
        0,
        plant(add.node, parent),
      );
    }
    for (const { id, value } of data.texts) {
      assert.ok(nodes.has(id), `changes the text of ${id}, which is not known`);
      nodes.get(id).textContent = value;
    }
    for (const { id } of data.attributes)
      assert.ok(nodes.has(id), `changes an attribute of ${id}, which is not known`);
  }
  const read = (node) => {
    if (node.type === 0) return node.children.flatMap(read);
    if (node.type === 3) return node.textContent.trim() ? [node.textContent] : [];
    if (node.type !== 2) return [];
    const light = node.children.filter(({ isShadow }) => !isShadow);
    return [[node.tagName, ...[...light, ...node.children.filter(({ isShadow }) => isShadow)].flatMap(read)]];
  };
  return read(root);
}

/** The stored segments as text of their bytes. */
export function readSpool() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("clerestory");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      if (!database.objectStoreNames.contains("segments")) return resolve([]);
      const all = database.transaction("segments").objectStore("segments").getAll();
      all.onsuccess = () => {
        database.close();
        resolve(all.result.map(({ sealed }) => new TextDecoder("latin1").decode(sealed)));
      };
    };
  });
}

export function spoolSize() {
  return new Promise((resolve) => {
    indexedDB.open("clerestory").onsuccess = ({ target }) => {
      const database = target.result;
      database.transaction("entries").objectStore("entries").getAll().onsuccess = ({
        target: { result },
      }) => {
        database.close();
        resolve(result.reduce((sum, { size }) => sum + size, 0));
      };
    };
  });
}
