/** Records a short visit in Chromium, with rrweb's own recorder, for developing the player. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const PAGE = `<!doctype html><html><head><title>Order desk</title><style>
  body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 180px 1fr; min-height: 100vh; background: #f7f7f3; color: #1f2a24 }
  nav { background: #22362c; color: #b9cabf; padding: 20px } nav b { color: #fff } main { padding: 24px 32px } h1 { margin: 0 0 12px }
  .grid { display: grid; grid-template-columns: 1.2fr 1fr; gap: 16px } .box { background: #fff; border: 1px solid #dfe2dc; border-radius: 10px; padding: 14px 18px }
  .box p { display: flex; justify-content: space-between; margin: 4px 0 } button { padding: 12px 20px; border-radius: 8px; border: 0; background: #2d6a4c; color: #fff; font: inherit }
  [data-clerestory=excluded] { height: 120px; border-radius: 10px } [data-clerestory=blocked] { display: block; height: 90px } input { font: inherit; padding: 8px } .tall { height: 1400px }
  a { color: inherit }
</style></head><body><nav><b>Order desk</b><p>Inbox</p><p>Orders</p><p>Returns</p></nav><main><h1>Order 58213</h1>
<div class="grid"><div class="box"><p><b>Items to refund</b></p><p>Enamel kettle <b>48.00</b></p><p>Linen throw <b>62.00</b></p><ul id="log"></ul></div>
<div class="box"><p>Name <span>•••••</span></p><p>E-mail <span>•••••</span></p><p>Address <span>•••••</span></p><label>Amount <input id="amount" aria-label="Amount"></label></div>
<div data-clerestory="excluded" style="height:120px"></div><div class="box"><button id="again">Try again</button> <button id="credit" class="credit">Refund as store credit</button></div>
<div data-clerestory="blocked" style="width:200px;height:90px"></div><a href="/help">Help with refunds</a></div><div class="tall"></div></main></body></html>`;

export async function recordVisit() {
  const bundle = await build({
    stdin: {
      contents: 'export { record } from "@rrweb/record";',
      resolveDir: fileURLToPath(new URL("../..", import.meta.url)),
    },
    bundle: true,
    format: "iife",
    globalName: "recorder",
    write: false,
  });
  const browser = await chromium.launch({
    executablePath: process.env.CLERESTORY_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
    ],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
  await page.route("http://shop.localhost/**", (route) =>
    route.fulfill({ contentType: "text/html; charset=utf-8", body: PAGE }),
  );
  await page.goto("http://shop.localhost/orders/58213");
  await page.evaluate(`${bundle.outputFiles[0].text};window.recorder = recorder;`);
  await page.evaluate(() => {
    window.taken = [];
    window.recorder.record({
      emit: (event) => window.taken.push(event),
      checkoutEveryNms: 5_000,
      maskAllInputs: true,
      maskInputFn: () => "•••••",
    });
    window.recorder.record.addCustomEvent("clerestory.page", { url: location.href, title: "•••••" });
    const log = document.getElementById("log");
    for (const button of document.querySelectorAll("button")) {
      button.onclick = () =>
        log.append(
          Object.assign(document.createElement("li"), {
            textContent: `${button.textContent}, ${log.children.length + 1}`,
          }),
        );
    }
  });
  await page.mouse.move(300, 300, { steps: 8 });
  await page.mouse.click(320, 520);
  for (let n = 0; n < 4; n += 1) await page.click("#again", { delay: 40 });
  await page.click("#amount");
  await page.keyboard.type("145.50", { delay: 120 });
  await page.waitForTimeout(1500);
  await page.evaluate(() =>
    window.recorder.record.addCustomEvent("clerestory.error", { message: "RefundDeclined: issuer said no" }),
  );
  await page.mouse.move(700, 420, { steps: 25 });
  await page.click("#credit");
  await page.mouse.wheel(0, 300);
  await page.waitForTimeout(6_000);
  await page.mouse.wheel(0, -300);
  await page.evaluate(() => {
    history.pushState(null, "", "/orders");
    window.recorder.record.addCustomEvent("clerestory.page", { url: location.href, title: "•••••" });
    document.querySelector("h1").textContent = "Orders";
  });
  for (let n = 0; n < 3; n += 1) {
    await page.mouse.move(500 + n * 90, 200 + n * 40, { steps: 12 });
    await page.click("#credit");
    await page.waitForTimeout(900);
  }
  const events = await page.evaluate(() => window.taken);
  await browser.close();
  return events;
}
