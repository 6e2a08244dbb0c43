/** The recorder in Chromium against a small server: `node test/browser.mjs [part of the name of a test]`. */
import { chromium } from "playwright-core";
import { errors, server, tests } from "./browser/harness.mjs";
import "./browser/leaving.mjs";
import "./browser/shape.mjs";
import "./browser/policy.mjs";
import "./browser/sending.mjs";
import "./browser/editor.mjs";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  ],
});

const only = process.argv[2];
let failed = 0;
for (const { name, run } of tests) {
  if (only && !name.includes(only)) continue;
  server.reset();
  errors.length = 0;
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
