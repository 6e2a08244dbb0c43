// Somebody gives themselves a picture, sees it where they are named, and takes it away again.
import assert from "node:assert/strict";
import { shareSession } from "../lib/console.mjs";

export const name = "faces";

export async function run(t) {
  const { api, info } = await t.signedIn();
  const browser = await t.browser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await shareSession(context, api, info);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const asked = [];
  page.on("response", (response) => {
    if (response.url().includes("/picture"))
      asked.push(`${response.request().method()} ${response.status()}`);
  });
  await page.goto(`${info.console}/my-data`);
  const field = page.getByRole("region", { name: "Your picture" });
  await field.waitFor();
  const face = page.locator("header .me img, .me img").first();
  assert.equal(await face.count(), 0, "there is a picture before anybody gave one");

  const choose = async (file) => {
    const chooser = page.waitForEvent("filechooser");
    await field.getByRole("button", { name: "Choose a picture…" }).click();
    await (await chooser).setFiles(file);
  };
  await choose({ name: "me.png", mimeType: "image/png", buffer: Buffer.from("<svg onload='alert(1)'>") });
  await field.getByText("This is not a picture that can be read: PNG, JPEG, WebP or GIF.").waitFor();
  await choose({ name: "me.png", mimeType: "image/png", buffer: await page.screenshot() });
  await face.waitFor();
  const drawn = (image) => image.evaluate((element) => element.complete && element.naturalWidth);
  const wide = async (image) => {
    for (let turn = 0; turn < 200; turn++) {
      const width = await drawn(image);
      if (width) return width;
      await page.waitForTimeout(50);
    }
    return 0;
  };
  assert.equal(await wide(face), 64);
  assert.equal(await wide(field.locator("img")), 256);
  await page.screenshot({ path: t.picture("my-picture") });

  await page.goto(`${info.console}/people`);
  const row = page.locator("tr", { has: page.locator("img") }).first();
  await row.waitFor();
  assert.equal(await wide(row.locator("img").first()), 64);
  await page.screenshot({ path: t.picture("people-with-pictures") });

  await page.goto(`${info.console}/my-data`);
  await field.getByRole("button", { name: "Remove it" }).click();
  await face.waitFor({ state: "detached" });
  assert.equal(await field.locator("img").count(), 0);
  assert.ok(!asked.includes("GET 404"), `a picture that is not there was asked for: ${asked.join(", ")}`);
  assert.deepEqual(errors, []);
}
