// How a page looks: in light, in dark, and as narrow as a phone.
import assert from "node:assert/strict";

const PHONE = { width: 390, height: 844 };

/**
 * Takes three pictures of a page as it stands and leaves it as it was. Fails where it is wider than a phone.
 *
 * @param {{picture: (title: string) => string}} t
 * @param {import("playwright-core").Page} page
 * @param {string} title
 */
export async function takePictures(t, page, title) {
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.screenshot({ path: t.picture(`${title}-${colorScheme}`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize(PHONE);
  await page.screenshot({ path: t.picture(`${title}-narrow`), fullPage: true });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  assert.ok(over <= 1, `${title} is ${over} px wider than a phone`);
}
