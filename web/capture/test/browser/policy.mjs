/** The signed policy: nothing without it, nothing against it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { CaptureServer } from "../support/server.mjs";
import { CANARY, dist, near, open, phase, server, settled, state, test, until } from "./harness.mjs";

const nothingLeft = async (page, reason) => {
  await until(reason, async () => (await state(page))?.reason === reason);
  await page.evaluate(() => document.body.append(document.createElement("p")));
  await settled(page);
  assert.deepEqual(
    server.puts.map(({ text }) => text),
    [],
  );
};
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

test("a clock that is set back keeps no policy alive", async (context) => {
  server.lifetimeMs = 3000;
  server.failing = ({ path }) => path.endsWith("/policy");
  const page = await open(context, "/plain");
  await phase(page, "capturing");
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() - 3_600_000;
  });
  await phase(page, "paused");
  assert.equal((await state(page)).reason, "policy-expired");
});
