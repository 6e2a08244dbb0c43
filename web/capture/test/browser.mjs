/** The recorder in Chromium against a small server: `node test/browser.mjs [name of a test]`. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { CaptureServer } from "./support/server.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "dist");
if (!existsSync(join(dist, "manifest.json")))
  throw new Error("build first: npm run build -w @clerestory/capture");

const MASK = "•••••";
const server = new CaptureServer(dist);
await server.listen();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  ],
});

const tests = [];
const test = (name, run) => tests.push({ name, run });

/** Waits for a condition; says what was waited for when it never comes. */
async function until(what, condition, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const state = (page) => page.evaluate(() => window.clerestory?.state);
const phase = (page, wanted) => until(`phase ${wanted}`, async () => (await state(page))?.phase === wanted);
/** Everything taken so far has arrived. */
async function settled(page) {
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 700)));
  await until("the queue to drain", () => {
    const last = server.requests.at(-1);
    return last && Date.now() - last.at > 400;
  });
}

const open = async (context, path) => {
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error));
  await page.goto(server.shop + path);
  return page;
};
let errors = [];

// What leaves

server.page("/inner", `<!doctype html><html><body><p>in the frame</p></body></html>`);
server.page(
  "/shape",
  `<!doctype html><html><head><!--snippet--></head><body><main><ul id="list"></ul><x-box></x-box><iframe src="/inner"></iframe></main>
  <script>customElements.define("x-box", class extends HTMLElement { connectedCallback() { this.attachShadow({ mode: "open" }).innerHTML = "<p>in the shadow</p>" } })</script></body></html>`,
);

const CANARY = "canary-7f3a";
test("no canary leaves, whatever it hides in; what is unmasked does", async (context) => {
  server.rules = { ...server.rules, exclude: [".secret"], unmask: [".open"] };
  server.page(
    "/canaries",
    `<!doctype html><html><head><title>${CANARY}-title</title>
    <style>.x::before { content: "${CANARY}-css"; background: url(/${CANARY}-cssurl.png) }</style>
    <meta name="description" content="${CANARY}-meta"><!--snippet--></head>
    <body data-user="${CANARY}-data" title="${CANARY}-title-attribute" aria-label="${CANARY}-aria" style="--name: '${CANARY}-style'">
    <p id="text">${CANARY}-text <b>${CANARY}-nested</b></p><!-- ${CANARY}-comment -->
    <script>window.x = "${CANARY}-script"</script><noscript>${CANARY}-noscript</noscript><template><i>${CANARY}-template</i></template>
    <input type="hidden" value="${CANARY}-hidden"><input placeholder="${CANARY}-placeholder" value="${CANARY}-value">
    <textarea>${CANARY}-textarea</textarea>
    <select id="select"><option label="${CANARY}-label" value="${CANARY}-option">${CANARY}-option-text</option><option selected value="2">${CANARY}-chosen</option></select>
    <input type="radio" name="r" value="${CANARY}-radio" checked><input type="checkbox" value="${CANARY}-check" checked>
    <img src="/${CANARY}-img.png" alt="${CANARY}-alt" srcset="/${CANARY}-srcset.png 2x"><a href="/${CANARY}-href?q=${CANARY}">x</a>
    <svg><title>${CANARY}-svgtitle</title><text>${CANARY}-svgtext</text><image href="/${CANARY}.png"/></svg>
    <div contenteditable>${CANARY}-editable</div><iframe srcdoc="<p>${CANARY}-srcdoc</p>"></iframe>
    <div id="host"></div><div class="open secret">${CANARY}-both <input id="inside" value="${CANARY}-in"></div>
    <div class="secret" id="gone"><p>${CANARY}-excluded</p><input id="typed"></div>
    <div class="open"><p>seen-text</p><input id="seen" value="seen-value"><input type="password" id="pw" name="pw" value="${CANARY}-pw">
      <input autocomplete="cc-number" value="${CANARY}-cc"><input type="hidden" value="${CANARY}-openhidden"><a href="/seen-path?token=${CANARY}">seen-link</a>
      <p data-clerestory="mask">${CANARY}-masked-inside</p></div>
    </body></html>`,
  );
  const page = await open(context, "/canaries");
  await phase(page, "capturing");
  await page.evaluate((canary) => {
    const root = document.querySelector("#host").attachShadow({ mode: "open" });
    root.innerHTML = `<p>${canary}-shadow</p><input value="${canary}-shadowvalue"><slot></slot>`;
    document.querySelector("#text").firstChild.data = `${canary}-changed`;
    document.body.setAttribute("aria-label", `${canary}-aria2`);
    document.body.setAttribute("data-more", `${canary}-data2`);
    document.title = `${canary}-title2`;
    const added = document.createElement("p");
    added.title = `${canary}-added-title`;
    added.textContent = `${canary}-added`;
    document.body.append(added);
    document.querySelector("#gone").insertAdjacentHTML("beforeend", `<b>${canary}-late</b>`);
    document.querySelector("#gone p").firstChild.data = `${canary}-late-text`;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`.y::after { content: "${canary}-adopted" }`);
    document.adoptedStyleSheets = [sheet];
    sheet.insertRule(`.z::after { content: "${canary}-inserted" }`);
    document.querySelector("#select").value = `${canary}-option`;
    getSelection().selectAllChildren(document.querySelector("#text"));
  }, CANARY);
  await page.locator("#typed").fill(`${CANARY}-typed`);
  await page.locator("#pw").pressSequentially(`${CANARY}-pressed`);
  await page.evaluate(() => {
    document.querySelector("#pw").type = "text";
  });
  await page.locator("#pw").pressSequentially(`${CANARY}-shown`);
  await page.evaluate((canary) => {
    document.querySelector("#pw").value = `${canary}-set`;
    document.querySelector("#pw").setAttribute("value", `${canary}-attribute`);
    // A framework replaces the field when it shows the password.
    const shown = document.createElement("input");
    shown.name = "pw";
    shown.value = `${canary}-replaced`;
    document.querySelector(".open").append(shown);
  }, CANARY);
  await page.locator("#seen").fill("seen-typed");
  await settled(page);
  assert.ok(!server.received.includes(CANARY), near(server.received, CANARY));
  for (const text of ["seen-text", "seen-value", "seen-typed", "seen-link", "/seen-path", MASK]) {
    assert.ok(server.received.includes(text), `${text} should have been received`);
  }
  assert.ok(!/"selected"|"checked"/.test(server.received), "the state of masked choices stays in the page");
  assert.deepEqual(server.events().filter(({ type }) => type === 2).length > 0, true);
});

const near = (text, part) =>
  `found: …${text.slice(Math.max(0, text.indexOf(part) - 200), text.indexOf(part) + 60)}…`;

const TYPES = [
  ...["text", "search", "tel", "url", "email", "password", "date", "month", "week", "time", "datetime-local"],
  ...[
    "number",
    "range",
    "color",
    "checkbox",
    "radio",
    "file",
    "hidden",
    "submit",
    "image",
    "reset",
    "button",
    "unheard-of",
  ],
];
const VALUES = {
  date: "2031-07-19",
  month: "2031-07",
  week: "2031-W29",
  time: "13:47",
  "datetime-local": "2031-07-19T13:47",
  number: "731947",
  range: "73",
  color: "#73194f",
};
const fields = (mark) =>
  TYPES.map(
    (type) =>
      `<input id="${mark}-${type}" type="${type}" value="${VALUES[type] ?? `${mark}-value-${type}`}">`,
  ).join("");
test("every type of input is masked in the private preset", async (context) => {
  server.page(
    "/inputs",
    `<!doctype html><html><head><!--snippet--></head><body>${fields("m")}</body></html>`,
  );
  const page = await open(context, "/inputs");
  await phase(page, "capturing");
  await settled(page);
  await page.evaluate((values) => {
    for (const field of document.querySelectorAll("input")) {
      if (field.type === "file") continue;
      field.value = values[field.type] ?? `m-value-later-${field.type}`;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }, VALUES);
  await settled(page);
  const told = server.received;
  for (const value of ["m-value", ...Object.values(VALUES).filter((value) => value !== "73")]) {
    assert.ok(!told.includes(value), near(told, value));
  }
  assert.ok(!told.includes('"value":"73"') && !told.includes('"text":"73"'), "the range stays in the page");
});

test("unmasked, every type shows its value but password, hidden and file", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.page(
    "/inputs-open",
    `<!doctype html><html><head><!--snippet--></head><body>${fields("o")}</body></html>`,
  );
  const page = await open(context, "/inputs-open");
  await phase(page, "capturing");
  await settled(page);
  const told = server.received;
  for (const type of TYPES) {
    const value = VALUES[type] ?? `o-value-${type}`;
    const secret = ["password", "hidden", "file"].includes(type);
    assert.equal(told.includes(`"${value}"`), !secret, `${type} ${secret ? "stays" : "leaves"}`);
  }
});

test("the pointer says nothing over an excluded element", async (context) => {
  server.rules = { ...server.rules, exclude: ["#pad"] };
  server.page(
    "/pointer",
    `<!doctype html><html><head><!--snippet--></head><body style="margin:0"><div id="pad" style="height:200px"><button id="k">7</button></div><p id="free" style="height:200px">x</p></body></html>`,
  );
  const page = await open(context, "/pointer");
  await phase(page, "capturing");
  await settled(page);
  await page.mouse.move(30, 100);
  await page.mouse.move(60, 120, { steps: 5 });
  await page.locator("#k").click();
  await page.mouse.move(50, 300, { steps: 3 });
  await page.mouse.click(50, 300);
  await settled(page);
  const pointed = server.events().filter(({ type, data }) => type === 3 && [1, 2].includes(data.source));
  const places = pointed.flatMap(({ data }) => data.positions ?? [data]).filter(({ y }) => y !== undefined);
  assert.ok(places.length > 0, "the pointer is told elsewhere");
  assert.deepEqual(
    places.filter(({ y }) => y < 200),
    [],
  );
});

test("an element excluded later falls silent at once and is told anew", async (context) => {
  server.rules = { ...server.rules, exclude: [".secret"], unmask: ["body"] };
  server.page(
    "/later",
    `<!doctype html><html><head><!--snippet--></head><body><div id="box"><p id="p">before</p></div></body></html>`,
  );
  const page = await open(context, "/later");
  await phase(page, "capturing");
  await settled(page);
  assert.ok(server.received.includes("before"));
  await page.evaluate((canary) => {
    document.querySelector("#box").className = "secret";
    document.querySelector("#p").firstChild.data = `${canary}-after`;
  }, CANARY);
  await until("a second full snapshot", () => server.events().filter(({ type }) => type === 2).length >= 2);
  await page.evaluate(() => {
    document.querySelector("#box").className = "";
    document.querySelector("#p").firstChild.data = "shown-again";
  });
  await until("the text shown again", () => server.received.includes("shown-again"));
  assert.ok(!server.received.includes(CANARY));
});

test("the recording rebuilds the page as it was, shadow roots and frames included", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/shape");
  await phase(page, "capturing");
  await page.evaluate(async () => {
    const list = document.querySelector("#list");
    for (let i = 0; i < 60; i += 1) {
      const item = document.createElement("li");
      item.textContent = `item ${i}`;
      if (i % 3 === 0) list.prepend(item);
      else list.append(item);
      if (i % 7 === 0) list.lastElementChild.remove();
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    document.querySelector("x-box").shadowRoot.append(document.createElement("hr"));
  });
  await settled(page);
  const live = await page.evaluate(outline);
  assert.deepEqual(rebuild(server.events()), live);
});

/** Element names and texts of a document, shadow roots and frames; scripts and empty texts left out. */
function outline() {
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
function rebuild(events) {
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

test("a large page that changes while it is read is told right", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.page(
    "/large",
    `<!doctype html><html><head><!--snippet--></head><body><div id="rows">${Array.from({ length: 1500 }, (_, i) => `<section><h2>row ${i}</h2><p>a <b>b${i}</b></p></section>`).join("")}</div></body></html>`,
  );
  const page = await open(context, "/large");
  await phase(page, "capturing");
  // Removes, moves and adds rows as fast as the page can while the first snapshot is taken.
  await page.evaluate(async () => {
    const rows = document.querySelector("#rows");
    let seed = 7;
    const random = (n) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % n;
    };
    const end = Date.now() + 2500;
    while (Date.now() < end) {
      for (let i = 0; i < 8; i += 1) {
        const all = rows.children;
        const one = all[random(all.length)];
        const other = all[random(all.length)];
        const kind = random(5);
        if (kind === 0) one.remove();
        else if (kind === 1 && one !== other) rows.insertBefore(one, other);
        else if (kind === 2 && one !== other) other.append(...one.childNodes);
        else if (kind === 3) one.querySelector("b")?.replaceWith(document.createElement("i"), "new text");
        else
          rows.insertBefore(document.createElement("section"), one).innerHTML =
            `<h2>new ${i}</h2><p>c <b>d</b></p>`;
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    // A burst, larger than what is read at once.
    const burst = document.createElement("div");
    burst.innerHTML = Array.from({ length: 3000 }, (_, i) => `<p>burst <i>${i}</i></p>`).join("");
    rows.after(burst);
    const flat = Array.from({ length: 1500 }, (_, i) =>
      Object.assign(document.createElement("hr"), { id: `f${i}` }),
    );
    rows.prepend(...flat);
  });
  await settled(page);
  assert.deepEqual(rebuild(server.events()), await page.evaluate(outline));
});

test("media is blocked, and inlined where it is allowed", async (context) => {
  const pixel =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const html = `<!doctype html><html><head><!--snippet--></head><body><img id="i" width="40" height="30" src="data:image/png;base64,${pixel}">
    <img data-clerestory="mask" width="40" height="30" src="data:image/png;base64,${pixel}"><canvas id="c" width="20" height="10"></canvas>
    <script>const c = document.querySelector("#c").getContext("2d"); c.fillStyle = "#00f"; c.fillRect(0, 0, 9, 9)</script></body></html>`;
  server.page("/media", html);
  const page = await open(context, "/media");
  await phase(page, "capturing");
  await settled(page);
  assert.ok(!server.received.includes("data:image"), "nothing of a picture leaves");
  assert.equal(server.received.split('"data-clerestory":"blocked"').length - 1, 3);
  assert.ok(server.received.includes('"rr_width":"40px"'));
  server.rules = { ...server.rules, media: "allowed" };
  server.version = 2;
  const second = await open(context, "/media");
  await phase(second, "capturing");
  await until("both pictures", () => server.received.split("data:image/webp").length - 1 === 2);
});

// Policy

const nothingLeft = async (page, reason) => {
  await until(reason, async () => (await state(page))?.reason === reason);
  await page.evaluate(() => document.body.append(document.createElement("p")));
  await settled(page);
  assert.deepEqual(
    server.puts.map(({ text }) => text),
    [],
  );
};
server.page("/plain", `<!doctype html><html><head><!--snippet--></head><body><p>plain</p></body></html>`);

test("a bad signature: nothing is sent", async (context) => {
  server.tamper = (signed) => ({
    ...signed,
    signature: Buffer.from(
      Buffer.from(signed.signature, "base64url").map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
    ).toString("base64url"),
  });
  await nothingLeft(await open(context, "/plain"), "policy-signature");
});
test("a changed document: nothing is sent", async (context) => {
  server.tamper = (signed) => {
    const text = Buffer.from(signed.document, "base64url")
      .toString()
      .replace('"unmask":[]', '"unmask":["html"]');
    return { ...signed, document: Buffer.from(text).toString("base64url") };
  };
  await nothingLeft(await open(context, "/plain"), "policy-signature");
});
test("an expired policy: nothing is sent", async (context) => {
  server.lifetimeMs = -500;
  await nothingLeft(await open(context, "/plain"), "policy-expired");
});
test("another key than the pinned one: nothing is sent", async (context) => {
  server.page(
    "/pinned",
    `<!doctype html><html><head>${new CaptureServer(dist).snippet().replace("undefined", server.host)}</head><body>x</body></html>`,
  );
  await nothingLeft(await open(context, "/pinned"), "policy-signature");
});
test("an unknown field in a signed policy: nothing is sent", async (context) => {
  server.rules = { ...server.rules, sampling: 1 };
  await nothingLeft(await open(context, "/plain"), "policy-malformed");
});

test("a policy that expires while recording stops capture; a new one resumes it with a gap", async (context) => {
  server.lifetimeMs = 1500;
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await phase(page, "paused");
  await page.evaluate((canary) => document.body.append(canary), CANARY);
  server.lifetimeMs = 3600_000;
  server.version = 2;
  await page.reload();
  await phase(page, "capturing");
  await until("the gap", () => server.received.includes('"reason":"policy_stale"'));
});

test("an insecure page: the loader says so", async (context) => {
  const page = await context.newPage();
  await page.route("http://insecure.test/", (route) =>
    route.fulfill({ contentType: "text/html", body: `<script>${loaderTag()}</script>` }),
  );
  await page.route("http://insecure.test/loader.js", (route) =>
    route.fulfill({ path: join(dist, "loader.js"), contentType: "text/javascript" }),
  );
  await page.goto("http://insecure.test/");
  await until("the refusal", async () => (await state(page))?.reason === "insecure-context");
});
const loaderTag = () =>
  `const s = document.createElement("script"); s.src = "/loader.js"; s.dataset.site = "csw_x"; s.dataset.key = "x"; document.documentElement.append(s);`;

test("a denied page is a gap, also after a navigation inside the page", async (context) => {
  server.rules = { ...server.rules, urls: { deny: ["/account/**"], allow: [] }, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  await page.evaluate((canary) => {
    document.body.append(`${canary}-before`.replace(canary, "allowed"));
    history.pushState({}, "", "/account/orders?x=1");
    document.body.append(`${canary}-denied`);
  }, CANARY);
  await phase(page, "paused");
  await page.evaluate((canary) => document.body.append(`${canary}-denied2`), CANARY);
  await settled(page);
  await page.evaluate(() => {
    document.body.textContent = "back";
    history.pushState({}, "", "/shop");
  });
  await phase(page, "capturing");
  await until("the gap", () => server.received.includes('"reason":"url_denied"'));
  assert.ok(!server.received.includes(CANARY), near(server.received, CANARY));
  assert.ok(!server.received.includes("/account"));
});

test("a strict page policy is enough", async (context) => {
  server.page(
    "/strict",
    `<!doctype html><html><head><!--snippet--></head><body><p>strict</p></body></html>`,
    {
      "Content-Security-Policy": `default-src 'none'; script-src ${server.host}; connect-src ${server.host}; require-trusted-types-for 'script'; trusted-types clerestory`,
    },
  );
  const violations = [];
  const page = await context.newPage();
  page.on("console", (message) => {
    if (/Content Security Policy|TrustedScriptURL/i.test(message.text())) violations.push(message.text());
  });
  await page.goto(`${server.shop}/strict`);
  await phase(page, "capturing");
  await until("a segment", () => server.puts.some(({ status }) => status === 200));
  assert.deepEqual(violations, []);
});

// Sending

test("two tabs of one origin: one recording, two writers; a duplicated tab draws its own", async (context) => {
  const first = await open(context, "/plain");
  await phase(first, "capturing");
  await settled(first);
  const copied = await first.evaluate(() => ({ ...sessionStorage }));
  const second = await context.newPage();
  await second.addInitScript((kept) => {
    if (sessionStorage.length === 0) Object.assign(sessionStorage, kept);
  }, copied);
  await second.goto(`${server.shop}/plain`);
  await phase(second, "capturing");
  await settled(second);
  const visits = [...server.visits.values()];
  assert.equal(new Set(visits.map(({ recording }) => recording)).size, 1);
  assert.equal(new Set(visits.map(({ writer }) => writer)).size, 2);
  assert.ok([...server.tracks.values()].every((track) => track.has(0)));
});

test("the next page of a tab goes on with the same writer and the next number", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  await page.goto(`${server.shop}/plain?2`);
  await phase(page, "capturing");
  await settled(page);
  const visits = [...server.visits.values()];
  assert.equal(new Set(visits.map(({ track }) => track)).size, 1);
  const numbers = [...[...server.tracks.values()][0].keys()];
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i),
  );
  assert.deepEqual(
    server.requests.filter(({ status }) => status === 409),
    [],
  );
});

test("after 503 the same bytes are sent again, in order", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  const before = server.puts.length;
  server.failing = ({ method }) => method === "PUT";
  for (let i = 0; i < 3; i += 1) {
    await page.evaluate((n) => document.body.append(`change ${n}`), i);
    await page.waitForTimeout(500);
  }
  await until("three tries", () => server.puts.length >= before + 3);
  const failed = server.puts.slice(before);
  server.failing = null;
  await until(
    "the rest",
    () =>
      server.puts.at(-1).status === 200 &&
      server.puts.filter(({ status }) => status === 200).length >= before + 3,
  );
  const again = server.puts.filter(
    ({ status, sequence }) => status === 200 && sequence === failed[0].sequence,
  );
  assert.ok(again.length >= 1 && again[0].raw.equals(failed[0].raw), "the bytes are the same");
  const taken = server.puts.filter(({ status }) => status === 200).map(({ sequence }) => sequence);
  assert.deepEqual(
    taken,
    [...taken].sort((a, b) => a - b),
  );
});

test("what could not be sent is sealed on disk and sent by the next page", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  server.failing = Object.assign(({ method }) => method === "PUT", { drop: true });
  await page.evaluate(() => document.body.append("kept-in-the-spool"));
  await until("a spooled segment", () => page.evaluate(readSpool).then((held) => held.length > 0));
  const held = await page.evaluate(readSpool);
  assert.ok(!held.some((text) => text.includes("kept-in-the-spool")), "the spool is sealed");
  await page.waitForTimeout(500);
  const stored = () => server.events().some((event) => JSON.stringify(event).includes("kept-in-the-spool"));
  assert.ok(!stored());
  await page.goto(`${server.shop}/plain?again`, { waitUntil: "commit" });
  server.failing = null;
  await until("the spooled segment", stored);
  assert.ok(
    server.puts.some(({ spool, status }) => spool && status === 200),
    "it came sealed",
  );
  await until("an empty spool", () => page.evaluate(readSpool).then((left) => left.length === 0));
});

/** The stored segments as text of their bytes. */
function readSpool() {
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

function spoolSize() {
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

test("a page that is left at once sends its last words", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.limits = { ...server.limits, flush_ms: 60_000 };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await until("the first segment", () => server.puts.some(({ status }) => status === 200));
  await page.evaluate(() => document.body.append("last-words"));
  await page.goto("about:blank");
  await until("the last words", () =>
    server.events().some((event) => JSON.stringify(event).includes("last-words")),
  );
});

test("stop throws away what was not sent, and nothing leaves afterwards", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  server.failing = ({ method }) => method === "PUT";
  await page.evaluate((canary) => document.body.append(`${canary}-unsent`), CANARY);
  await until("a failed try", () => server.puts.some(({ status }) => status === 503));
  await page.evaluate((canary) => {
    document.body.append(`${canary}-last`);
    window.clerestory.stop();
  }, CANARY);
  const from = server.requests.length;
  server.failing = null;
  await page.evaluate((canary) => document.body.append(`${canary}-after`), CANARY);
  await page.waitForTimeout(1500);
  const later = server.requests.slice(from).filter(({ path }) => !path.endsWith("/end"));
  assert.deepEqual(
    later.map(({ path }) => path),
    [],
  );
  assert.ok(server.requests.some(({ path, text }) => path.endsWith("/end") && text.includes("stopped")));
  assert.ok(!server.events().some((event) => JSON.stringify(event).includes(CANARY)));
  assert.deepEqual(await page.evaluate(readSpool), []);
  await page.reload();
  await phase(page, "stopped");
  await page.evaluate(() => window.clerestory.start());
  await phase(page, "capturing");
});

test("stop in one tab is stop in all of the origin", async (context) => {
  const first = await open(context, "/plain");
  const second = await open(context, "/plain");
  await phase(first, "capturing");
  await phase(second, "capturing");
  await settled(second);
  await first.evaluate(() => window.clerestory.stop());
  await phase(second, "stopped");
  const from = server.puts.length;
  await second.evaluate((canary) => document.body.append(canary), CANARY);
  await second.waitForTimeout(800);
  assert.equal(server.puts.length, from);
});

test("the spool is bounded; what found no room is a gap", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  server.failing = ({ method }) => method === "PUT";
  // Random text does not compress: each change is a segment of about 1.5 MB.
  for (let i = 0; i < 20; i += 1) {
    await page.evaluate((n) => {
      const bytes = Array.from({ length: 34 }, () => crypto.getRandomValues(new Uint8Array(65_000)));
      document.querySelector("p").textContent =
        `big-${n} ${btoa(bytes.map((part) => String.fromCharCode(...part)).join(""))}`;
    }, i);
    await page.waitForTimeout(350);
  }
  const size = () => page.evaluate(spoolSize);
  await until("a full spool", async () => (await size()) > 15 * 1024 * 1024, 30_000);
  await page.waitForTimeout(2000);
  assert.ok((await size()) <= 20 * 1024 * 1024, "it stays within its bounds");
  server.failing = null;
  await until("the gap", () => server.received.includes('"reason":"quota"'), 30_000);
  const told = (text) => server.puts.some(({ status, text: body }) => status === 200 && body.includes(text));
  await until("the newest", () => told("big-19 "), 30_000);
  assert.ok(!told("big-0 ") && !told("big-1 "), "the oldest went");
});

test("stop with flush sends what was captured", async (context) => {
  server.rules = { ...server.rules, unmask: ["html"] };
  server.limits = { ...server.limits, flush_ms: 60_000 };
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  await page.evaluate(async () => {
    document.body.append("flushed-words");
    await new Promise((resolve) => setTimeout(resolve, 50));
    window.clerestory.stop({ flush: true });
  });
  await until("the words", () =>
    server.events().some((event) => JSON.stringify(event).includes("flushed-words")),
  );
  await until("the end", () => server.requests.some(({ path }) => path.endsWith("/end")));
});

test("a changed policy is followed without a reload", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await settled(page);
  assert.ok(!server.received.includes('"plain"'));
  server.rules = { ...server.rules, unmask: ["p"] };
  server.version = 2;
  await page.evaluate(() => document.body.append(document.createElement("hr")));
  await until("the text that is now shown", () => server.received.includes('"plain"'));
  assert.ok(server.puts.some(({ headers }) => headers["clerestory-policy"] === "2"));
});

test("the page never meets an error of the recorder, and its own errors stay its own", async (context) => {
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  const told = await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    const names = [];
    for (const run of [
      () => sheet.insertRule("p {} q {"),
      () => sheet.insertRule("p {}", 9),
      () => sheet.insertRule(),
    ]) {
      try {
        run();
        names.push("none");
      } catch (error) {
        names.push(error.name);
      }
    }
    return names;
  });
  assert.deepEqual(told, ["SyntaxError", "IndexSizeError", "TypeError"]);
  await page.evaluate(() => {
    JSON.stringify = () => {
      throw new Error("a page that breaks JSON");
    };
    document.body.append("x");
  });
  await phase(page, "failed");
  assert.deepEqual(errors, []);
});

test("a server that refuses every segment is left alone", async (context) => {
  server.refusing = 422;
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await until("three refusals", () => server.puts.length >= 3, 15_000);
  const times = server.puts.map(({ at }) => at);
  assert.ok(times[2] - times[0] >= 500, "it is not asked as fast as it can answer");
  server.refusing = 0;
  await until("an acknowledgement", () => server.puts.some(({ status }) => status === 200), 15_000);
  assert.ok(server.received.includes('"reason":"damaged"'));
});

// The policy editor

test("inside the policy editor the page shows what would leave, and contacts nobody", async (context) => {
  server.page(
    "/framed",
    `<!doctype html><html><head><!--snippet--></head><body style="margin:0"><h1 class="big">headline</h1><input id="mail" value="someone"><div class="box">boxed</div></body></html>`,
  );
  server.page(
    "/editor",
    `<!doctype html><iframe id="f" width="600" height="400" style="border:0"></iframe><script>
      window.said = []; window.hellos = 0;
      const rules = { preset: "private", media: "blocked", exclude: [".box"], mask: [], unmask: [], urls: { deny: [], allow: [] } };
      addEventListener("message", ({ data, origin }) => {
        if (data.clerestory !== "preview-ready") return;
        window.hellos += 1;
        const channel = new MessageChannel();
        channel.port1.onmessage = ({ data }) => window.said.push(data);
        window.port = channel.port1;
        document.querySelector("#f").contentWindow.postMessage({ clerestory: "preview", rules }, origin, [channel.port2]);
      });
      window.rules = rules;
      document.querySelector("#f").src = "${server.shop}/framed";
    </script>`,
  );
  const page = await context.newPage();
  await page.goto(`${server.host}/editor`);
  const said = (kind) =>
    page.evaluate((wanted) => window.said.filter((message) => message.kind === wanted), kind);
  const first = await until("events", async () => (await said("events"))[0]);
  assert.equal(first.reset, true);
  assert.deepEqual(
    first.events.slice(0, 2).map(({ type }) => type),
    [4, 2],
  );
  assert.ok(!/headline|someone|boxed/.test(JSON.stringify(first)));
  const [counts] = await until("counts", async () => (await said("counts")).length > 0 && said("counts"));
  assert.deepEqual([counts.shown, counts.masked, counts.excluded], [0, 2, 1]);
  assert.ok(counts.leaving_bytes > 0 && counts.page_bytes > 0);
  await page.evaluate(() => window.port.postMessage({ rules: { ...window.rules, unmask: ["h1"] } }));
  await until("the headline", async () => JSON.stringify(await said("events")).includes("headline"));
  const [rects] = (await said("rects")).slice(-1);
  assert.deepEqual(
    rects.items.map(({ decision }) => decision),
    ["shown", "masked", "excluded"],
  );
  await page.evaluate(() => window.port.postMessage({ pick: true }));
  const frame = page.frameLocator("#f");
  await frame.locator("#mail").hover();
  await frame.locator("#mail").click();
  const [picked] = await until("a pick", async () => (await said("picked")).length > 0 && said("picked"));
  assert.equal(picked.selector, "#mail");
  assert.equal(picked.decision, "masked");
  assert.deepEqual(
    picked.path.map(({ label }) => label),
    ["input#mail", "body"],
  );
  assert.ok((await said("hover")).length > 0);
  await page.evaluate(() =>
    window.port.postMessage({ pick: false, rules: { ...window.rules, mask: ["a:hover"] } }),
  );
  const [refused] = await until(
    "the refusal",
    async () => (await said("refused")).length > 0 && said("refused"),
  );
  assert.deepEqual(
    refused.errors.map(({ path }) => path),
    ["mask[0]"],
  );
  await page.evaluate(() =>
    window.port.postMessage({ rules: { ...window.rules, urls: { deny: ["/framed"], allow: [] } } }),
  );
  await until("the denial", async () => (await said("denied")).length > 0);
  assert.deepEqual(server.requests, []);
});

test("stop and start again and again leaves nothing behind", async (context) => {
  const page = await open(context, "/shape");
  await phase(page, "capturing");
  const session = await context.newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    const { jsEventListeners } = await session.send("Memory.getDOMCounters");
    return { usedSize, jsEventListeners };
  };
  const round = async () => {
    await page.evaluate(() => window.clerestory.stop());
    await page.evaluate(() => window.clerestory.start());
    await phase(page, "capturing");
    await page.waitForTimeout(100);
  };
  for (let i = 0; i < 4; i += 1) await round();
  const before = await heap();
  for (let i = 0; i < 12; i += 1) await round();
  const after = await heap();
  assert.ok(after.jsEventListeners <= before.jsEventListeners + 5, JSON.stringify({ before, after }));
  assert.ok(after.usedSize - before.usedSize < 400_000, JSON.stringify({ before, after }));
  const natives = await page.evaluate(() => {
    window.clerestory.stop();
    return [
      CSSStyleSheet.prototype.insertRule,
      CSSStyleDeclaration.prototype.setProperty,
      Element.prototype.attachShadow,
    ].map((fn) => /native code/.test(String(fn)));
  });
  assert.deepEqual(natives, [true, true, true]);
});

test("keyframes come on time, and a recording that was closed begins anew", async (context) => {
  server.limits = { ...server.limits, keyframe_ms: 1200 };
  server.rules = { ...server.rules, unmask: ["html"] };
  const page = await open(context, "/shape");
  await phase(page, "capturing");
  const full = () => server.events().filter(({ type }) => type === 2).length;
  await until("keyframes", async () => {
    await page.evaluate(() => document.querySelector("#list").append(document.createElement("li")));
    return full() >= 3;
  });
  await settled(page);
  assert.deepEqual(rebuild(server.events()), await page.evaluate(outline));
  const old = new Set(server.tracks.keys());
  server.closed = true;
  await page.evaluate(() => document.querySelector("#list").append("after the end"));
  await until("another recording", () => server.tracks.size > old.size);
  await until("a snapshot in it", () => {
    const fresh = [...server.tracks.keys()].find((track) => !old.has(track));
    return server.events(fresh).some(({ type }) => type === 2);
  });
});

const only = process.argv[2];
let failed = 0;
for (const { name, run } of tests) {
  if (only && !name.includes(only)) continue;
  server.reset();
  errors = [];
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  const began = Date.now();
  try {
    await run(context);
    process.stdout.write(`ok   ${name} (${Date.now() - began} ms)\n`);
  } catch (error) {
    failed += 1;
    process.stdout.write(`FAIL ${name}\n${String(error?.stack ?? error).slice(0, 2500)}\n`);
  }
  await context.close();
}
await browser.close();
await server.close();
process.stdout.write(failed === 0 ? "all passed\n" : `${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
