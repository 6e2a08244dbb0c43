/** Inside the policy editor. */
import assert from "node:assert/strict";
import { server, test, until } from "./harness.mjs";

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
