/** What leaves the page, and what never does. */
import assert from "node:assert/strict";
import { CANARY, MASK, near, open, phase, server, settled, test, until } from "./harness.mjs";

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
